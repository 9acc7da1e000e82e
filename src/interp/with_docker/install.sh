#!/bin/sh
# Installs what `WITH DOCKER` needs and the image lacks: Docker, with --compose also its compose, and the two or three
# programs that with-docker.sh calls. From the distribution's own packages wherever it has them.
set -eu

say() { printf 'WITH DOCKER: %s\n' "$*" >&2; }
die() {
    say "$*"
    say 'use a base image with Docker in it, for instance docker:dind'
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
has_compose() { has docker-compose || docker compose version >/dev/null 2>&1; }

# Packages for the programs that are missing. Prints nothing on a complete image, and then nothing is to be done.
missing() { # PROGRAM PACKAGE
    has "$1" || packages="$packages $2"
}

install_apk() {
    # The plugin is in Alpine from 3.15 on; before there is the older program.
    [ -z "$docker" ] || packages="$packages docker"
    if [ "$compose" ]; then
        if apk update >/dev/null && [ "$(apk search -x docker-cli-compose)" ]; then
            packages="$packages docker-cli-compose"
        else
            packages="$packages docker-compose"
        fi
    fi
    # shellcheck disable=SC2086 # a list of words
    apk add --no-cache $packages
}

# The first of these packages that there is.
first_of() {
    for package in "$@"; do
        # A name that only others provide is none.
        if apt-cache show "$package" 2>/dev/null | grep -q '^Package:'; then
            packages="$packages $package"
            return
        fi
    done
    die "no package of $* is known to apt"
}

install_apt() {
    has apt-get || die "cannot install Docker: no apt-get in this image"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    if [ "$docker" ]; then
        first_of docker.io docker-ce
        # From Debian 13 on the command is a package of its own.
        ! apt-cache show docker-cli 2>/dev/null | grep -q '^Package:' || packages="$packages docker-cli"
        packages="$packages iptables ca-certificates"
    fi
    [ -z "$compose" ] || first_of docker-compose-v2 docker-compose-plugin docker-compose
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y --no-install-recommends $packages
    rm -rf /var/lib/apt/lists/*
}

install_yum() {
    if [ "$docker" ]; then
        if has amazon-linux-extras; then
            amazon-linux-extras install -y docker
        else
            packages="$packages docker"
        fi
    fi
    # shellcheck disable=SC2086 # a list of words
    [ -z "$packages" ] || yum -y install $packages
    [ -z "$compose" ] || download_compose
}

# Amazon has no package of it. The sum comes from the same place, so it tells a broken download, not a false one.
download_compose() {
    base=https://github.com/docker/compose/releases/download/v2.29.7
    file=docker-compose-linux-$(uname -m)
    dir=/usr/libexec/docker/cli-plugins
    mkdir -p $dir
    cd $dir
    curl -fsSL -O "$base/$file" -O "$base/$file.sha256"
    sha256sum -c "$file.sha256" >/dev/null || die "the download of $file is damaged"
    mv "$file" docker-compose
    chmod 755 docker-compose
    rm "$file.sha256"
}

docker='' compose='' packages=''
has dockerd && has docker || docker=1
[ "${1-}" != --compose ] || has_compose || compose=1
missing tar tar
missing awk gawk
[ "$docker$compose$packages" ] || exit 0
[ "$(id -u)" = 0 ] || die "Docker is missing in this image, and installing it needs root (USER root)"
say 'Docker is missing in this image and is installed; a base image with Docker in it is faster'

distribution=unknown
[ ! -r /etc/os-release ] || distribution=$(sed -n 's/^ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)
case $distribution in
    alpine) install_apk ;;
    debian | ubuntu) install_apt ;;
    amzn) install_yum ;;
    *)
        say "the distribution $distribution is not known; trying what works on Debian"
        install_apt
        ;;
esac
has dockerd || die 'installing Docker failed'
[ "${1-}" != --compose ] || has_compose || die 'installing compose failed'
