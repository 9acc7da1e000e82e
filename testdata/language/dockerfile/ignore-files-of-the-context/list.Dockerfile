FROM busybox:1.36
COPY . /in
RUN cd /in && ls *.txt > /list
