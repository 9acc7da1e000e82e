FROM busybox:1.36

RUNN make
