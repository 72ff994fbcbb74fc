"""Reading data sets and predictions: COCO JSON, PASCAL VOC XML, YOLO text and CSV."""
