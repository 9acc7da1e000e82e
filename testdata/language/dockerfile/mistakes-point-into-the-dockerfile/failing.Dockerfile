FROM busybox:1.36 AS first
RUN echo going && \
    false
