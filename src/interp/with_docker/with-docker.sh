#!/bin/sh
# What happens inside the step of a `WITH DOCKER`.
#
#   with-docker.sh run [--keep] [--compose FILE]… [--service NAME]… -- COMMAND ARGUMENT…
#
# starts a Docker daemon, gives it images, starts services, runs the command, and ends with its exit code;
#
#   with-docker.sh config --compose FILE…
#
# prints what the compose files come to, or if that fails, why. bld mounts what this script works with:
#
#   /run/bld/with-docker/         this script
#     images/N/manifest.json      of an image archive: the names under which image N is loaded
#     images/N/M.config           a configuration for it, JSON without its beginning: what stands before is `rootfs`
#     names                       the names of all images, one on a line
#   /run/bld/image-N/             the files of image N
#   /run/bld/docker/              the daemon's own: on a file system that can be a layer; with --keep, a cache
#
# Only what every small image has is used: no jq, no GNU options. Nothing is left behind but what the command did.
set -eu

# The command's environment. Setting a variable of the same name in this shell would change it.
environment=$(export -p)
# The daemon that is started here is meant, whatever the image says.
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
given=/run/bld/with-docker
own=/run/bld/docker
log=$own/dockerd.log
# What a daemon, its containers and umount leave outside of it.
traces='/run/docker.sock /run/docker /run/containerd /run/mount /var/run/docker.sock /var/run/docker /var/run/containerd
    /run/xtables.lock /etc/docker/key.json /opt/containerd'
# Directories on the way there; they go if nobody put anything else into them.
ways='/etc/docker /opt'
seconds=120 # until a daemon that does not answer has failed

say() { printf 'WITH DOCKER: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# A word for the shell to read again.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# A fraction of a second, where sleep knows fractions.
pause() { sleep 0.1 2>/dev/null || sleep 1; }

run_hooks() {
    for hook in /usr/share/bld/dockerd-wrapper-pre-script /usr/share/earthly/dockerd-wrapper-pre-script; do
        [ -e "$hook" ] || continue
        [ -x "$hook" ] || die "the hook $hook is not executable (chmod +x)"
        "$hook" >&2 || die "the hook $hook failed with exit code $?"
    done
}

# --- compose ------------------------------------------------------------------------------------------------------

find_compose() {
    # A project name that does not depend on the directory; the command's own calls are about the same project.
    settings='export COMPOSE_PROJECT_NAME=default COMPOSE_HTTP_TIMEOUT=600'
    eval "$settings"
    if command -v docker-compose >/dev/null 2>&1; then
        compose=docker-compose
    elif docker compose version >/dev/null 2>&1; then
        compose='docker compose'
    else
        die 'this image has neither "docker compose" nor "docker-compose"'
    fi
}

call_compose() { eval "$compose $files $*"; }

# --- the daemon ---------------------------------------------------------------------------------------------------

# A group of cgroup v2 that has processes of its own cannot give its controllers to others, and a container with an
# init system needs them. Where the root that is seen is not this step's, it is left alone.
leave_root_cgroup() {
    group=/sys/fs/cgroup
    [ -f $group/cgroup.controllers ] && [ "$(cat /proc/self/cgroup)" = 0::/ ] || return 0
    mkdir -p $group/bld
    while read -r pid; do
        echo "$pid" >$group/bld/cgroup.procs
    done <$group/cgroup.procs 2>/dev/null || true
}

# The image's /etc/docker/daemon.json with our values. Lists are joined, the image's first; of single values ours count.
# The result is a file of its own, so that the image's stays as it is. Only the members of the outermost object matter,
# and what is between them is taken as it stands.
merge_config() {
    awk -v data="$own/data" -v exec="$own/exec" -v pid="$own/docker.pid" '
        function member(text,    name, value) {
            if (!match(text, /^[ \t\r\n]*"[^"]*"[ \t\r\n]*:/)) return
            name = substr(text, RSTART, RLENGTH)
            value = substr(text, RSTART + RLENGTH)
            gsub(/^[ \t\r\n]*"|"[ \t\r\n]*:$/, "", name)
            if (name == "default-address-pools") {
                gsub(/^[ \t\r\n]*\[[ \t\r\n]*|[ \t\r\n]*\][ \t\r\n]*$/, "", value)
                if (value != "") pools = value ","
            } else if (name !~ /^(bip|data-root|graph|exec-root|pidfile)$/) {
                members = members text ","
            }
        }
        { all = all $0 "\n" }
        END {
            if (all ~ /^[ \t\r\n]*$/) all = "{}"
            if (all !~ /^[ \t\r\n]*\{/) exit 1
            for (at = 1; at <= length(all); at++) {
                c = substr(all, at, 1)
                if (string) {
                    if (escaped) escaped = 0
                    else if (c == "\\") escaped = 1
                    else if (c == "\"") string = 0
                } else if (c == "\"") string = 1
                else if (c == "{" || c == "[") { if (++depth == 1) continue }
                else if (c == "}" || c == "]") { if (--depth == 0) break }
                else if (c == "," && depth == 1) { member(part); part = ""; continue }
                if (depth) part = part c
            }
            if (depth || string) exit 1
            member(part)
            printf "{%s\"bip\": \"172.20.0.1/16\", \"data-root\": \"%s\", \"exec-root\": \"%s\", ", members, data, exec
            printf "\"pidfile\": \"%s\", \"default-address-pools\": [%s", pid, pools
            printf "{\"base\": \"172.21.0.0/16\", \"size\": 24}, {\"base\": \"172.22.0.0/16\", \"size\": 24}]}\n"
        }'
}

# A step that has the network of the machine has that of the Docker there, too, and a second daemon would give its bridge
# another address, or take it away. A bridge with our own address is what an earlier step left.
leave_other_dockers() {
    grep -q '^ *docker0:' /proc/net/dev || return 0
    ! grep -q '|-- 172\.20\.0\.1$' /proc/net/fib_trie 2>/dev/null || return 0
    die 'another Docker has its bridge docker0 in the network of this step, and two of them would break each other:
give the steps of this engine a network of their own (buildkitd: --oci-worker-net=bridge, or cni)'
}

write_config() {
    image=/etc/docker/daemon.json
    [ -f $image ] || image=/dev/null
    merge_config <$image >"$own/daemon.json" || die "$image is not a JSON object"
}

# Starts it once. A failure leaves its reason in $reason.
try_dockerd() {
    rm -rf "$own/exec" "$own/docker.pid"
    dockerd --config-file "$own/daemon.json" >"$log" 2>&1 &
    dockerd=$!
    end=$(($(date +%s) + seconds))
    until docker ps >/dev/null 2>&1; do
        if ! kill -0 "$dockerd" 2>/dev/null; then
            reason='it ended at once'
            return 1
        elif [ "$(date +%s)" -ge "$end" ]; then
            reason="it did not answer within $seconds seconds"
            kill -9 "$dockerd" 2>/dev/null || true
            return 1
        fi
        pause
    done
}

start_dockerd() {
    write_config
    for try in 1 2 3; do
        ! try_dockerd || return 0
        if grep -q 'timeout waiting for containerd' "$log"; then
            # A busy machine: it may do better next time.
            sleep "$try"
        elif grep -q iptables "$log" && [ ! -e "$own/bin" ] && command -v iptables-legacy >/dev/null 2>&1; then
            # The kernel has the older of the two ways to write rules.
            mkdir "$own/bin"
            ln -s "$(command -v iptables-legacy)" "$own/bin/iptables"
            PATH=$own/bin:$PATH
        else
            break
        fi
    done
    say "dockerd did not start: $reason; the last lines of its log:"
    tail -n 40 "$log" >&2
    exit 1
}

stop_dockerd() {
    kill "$dockerd" 2>/dev/null || true
    end=$(($(date +%s) + 30))
    while kill -0 "$dockerd" 2>/dev/null; do
        if [ "$(date +%s)" -ge "$end" ]; then
            kill -9 "$dockerd" 2>/dev/null || true
            break
        fi
        pause
    done
    wait "$dockerd" 2>/dev/null || true
}

# --- images -------------------------------------------------------------------------------------------------------

# The files of an image as an archive on standard output. Not every tar knows extended attributes.
pack() (
    cd "$1"
    set -- .
    if [ "$keep" ]; then
        # What is compared with an earlier run leaves the outermost directory out: its time is that of the mount.
        for path in ./* ./.[!.]* ./..?*; do
            if [ -e "$path" ] || [ -L "$path" ]; then set -- "$@" "$path"; fi
        done
        [ $# = 1 ] || shift
    fi
    set -f # the star in the attributes is for tar
    # shellcheck disable=SC2086 # a list of words
    tar $attributes -cf - "$@" || : >"$own/pack-failed"
)

packed() { [ ! -e "$own/pack-failed" ] || die "reading the files of an image failed"; }

# Loads image N under its names; its layer, $1, is in the daemon already, or in the file layer.tar.
register() {
    for config in "$given/images/$image"/*.config; do
        name=${config##*/}
        {
            printf '{"rootfs": {"type": "layers", "diff_ids": ["%s"]}, ' "$1"
            cat "$config"
        } >"$own/archive/${name%.config}.json"
    done
    cp "$given/images/$image/manifest.json" "$own/archive/"
    tar -C "$own/archive" -cf - . | docker load -q >"$own/load.log" 2>&1
}

# One layer with exactly the configuration that bld knows. The bytes go through the daemon once: what is loaded after the
# import only names the layer that is there then.
load_image() {
    root=/run/bld/image-$image
    rm -rf "$own/archive"
    mkdir "$own/archive"
    if [ "$keep" ]; then
        # Perhaps an earlier run has left it.
        layer=sha256:$(pack "$root" | sha256sum | cut -d ' ' -f 1)
        packed
        ! register "$layer" || return 0
    fi
    imported=$(pack "$root" | docker import - 2>"$own/load.log") || imported=''
    packed
    layer=
    if [ "$imported" ]; then
        layer=$(docker image inspect --format '{{index .RootFS.Layers 0}}' "$imported")
    fi
    if [ -z "$layer" ] || ! register "$layer"; then
        # An image store that wants every archive whole.
        pack "$root" >"$own/archive/layer.tar"
        packed
        layer=sha256:$(sha256sum <"$own/archive/layer.tar" | cut -d ' ' -f 1)
        register "$layer" || {
            cat "$own/load.log" >&2
            die "loading $(cat "$given/images/$image/manifest.json") failed"
        }
    fi
    [ -z "$imported" ] || docker rmi "$imported" >/dev/null 2>&1 || true
    rm -rf "$own/archive"
}

load_images() {
    attributes=
    # The security attribute is where the capabilities of a program are.
    if tar --help 2>&1 | grep -q -e --xattrs-include; then
        attributes="--numeric-owner --xattrs --xattrs-include=*"
    fi
    image=0
    while [ -d "$given/images/$image" ]; do
        load_image
        image=$((image + 1))
    done
}

# With --keep: what an earlier run left running or mounted.
remove_leftovers() {
    for container in $(docker ps -aq); do docker rm -f -v "$container" >/dev/null; done
    for volume in $(docker volume ls -q); do docker volume rm -f "$volume" >/dev/null; done
    docker network prune -f >/dev/null
}

# With --keep: images of earlier runs that this one did not load.
remove_other_images() {
    for name in $(docker images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>'); do
        grep -qxF "$name" "$given/names" || docker rmi -f "$name" >/dev/null
    done
    for id in $(docker images -q -f dangling=true); do docker rmi -f "$id" >/dev/null; done
}

# --- all of it ----------------------------------------------------------------------------------------------------

# Nothing stays of the daemon but what --keep keeps, and nothing of the places where things are mounted.
clean_up() {
    for path in exec archive bin pack-failed docker.pid daemon.json dockerd.log load.log; do
        rm -rf "${own:?}/$path"
    done
    for path in /run/bld/image-* "$own" "$given"; do
        ! umount -l "$path" 2>/dev/null || rmdir "$path" || true
    done
    rmdir /run/bld 2>/dev/null || true
    for path in $traces; do
        case $there in *" $path "*) ;; *) rm -rf "$path" ;; esac
    done
    for path in $ways; do
        case $there in *" $path "*) ;; *) rmdir "$path" 2>/dev/null || true ;; esac
    done
}

run() {
    [ "$(id -u)" = 0 ] || die "a Docker daemon needs root, and USER is $(id -un 2>/dev/null || id -u)"
    there=' '
    for path in $traces $ways; do
        [ ! -e "$path" ] || there="$there$path "
    done
    run_hooks
    leave_other_dockers
    leave_root_cgroup
    start_dockerd
    [ -z "$keep" ] || remove_leftovers
    load_images
    [ -z "$keep" ] || remove_other_images
    if [ "$files" ]; then
        find_compose
        call_compose up -d "$services" >&2 || die "compose did not start the services"
    fi
    code=0
    (
        eval "$environment"
        unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
        eval "$settings"
        exec "$@"
    ) || code=$?
    [ -z "$files" ] || call_compose down --remove-orphans >&2 || true
    stop_dockerd
    cd /
    clean_up
    exit "$code"
}

config() {
    run_hooks
    find_compose
    call_compose config
}

what=$1
shift
keep='' files='' services='' settings=''
while [ $# -gt 0 ]; do
    case $1 in
        --keep) keep=1 ;;
        --compose) files="$files -f $(quoted "$2")" && shift ;;
        --service) services="$services $(quoted "$2")" && shift ;;
        --) shift && break ;;
        *) die "unknown argument $1" ;;
    esac
    shift
done
case $what in
    run) run "$@" ;;
    config)
        # The reason of a failure is part of the result: when that comes from the cache, there are no other words.
        code=0
        { said=$(config 2>&1 >&4); } 4>&1 || code=$?
        output=1
        [ "$code" != 0 ] || output=2
        [ -z "$said" ] || printf '%s\n' "$said" >&"$output"
        exit "$code"
        ;;
esac
