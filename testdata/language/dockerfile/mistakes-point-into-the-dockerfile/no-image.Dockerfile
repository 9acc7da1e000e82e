FROM scratch AS x
FROM @REGISTRY@/@ID@/nope:1
