FROM busybox:1.36
COPY . /in
RUN ls /in > /list
