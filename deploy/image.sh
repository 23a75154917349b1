#!/bin/sh
# Builds the image and runs its program, with docker, podman or buildah:
#   image.sh build TOOL NAME CONTEXT
#   image.sh run TOOL NAME ARGUMENTS...
set -eu
what=$1 tool=$2 name=$3
shift 3
case $what/$(basename "$tool") in
build/buildah)
    # The format of docker has health checks.
    "$tool" build --format docker --isolation chroot --file Dockerfile --tag "$name" "$1"
    ;;
build/*)
    "$tool" build --file Dockerfile --tag "$name" "$1"
    ;;
run/buildah)
    container=$("$tool" from --pull-never "$name")
    trap '"$tool" rm "$container" >/dev/null' EXIT
    "$tool" run --isolation chroot "$container" -- /rollcall "$@"
    ;;
run/*)
    "$tool" run --rm "$name" "$@"
    ;;
esac
