FROM busybox
ADD x /x
SHELL ["/bin/sh"]
