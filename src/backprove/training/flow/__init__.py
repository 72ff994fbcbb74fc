"""Before training: do the gradients of a model survive? (`backprove flow`, `backprove.flow`)"""
