#!/bin/sh
# What pgverse uses of the `zfs` command, over plain directories: a dataset is a directory that is mounted by a bind
# mount, snapshots and clones are copies. Every other attempt to clone or to destroy is told to come again, as ZFS does
# at times. Lies in the folder `tank`, which holds the datasets; the file system that it plays lies beside, `home`.
set -eu

tank=$(dirname "$(readlink -f "$0")")
home=$(dirname "$tank")/home

fail() { echo "$*" >&2; exit 1; }

busy_at_first() {
    if [ -e "$tank/.$1" ]; then rm "$tank/.$1"; else : >"$tank/.$1"; fail "cannot $2: dataset is busy"; fi
}

mounted_at() { awk -v root="/tank/$1\$" '$4 ~ root { print $5 }' /proc/self/mountinfo; }

mount_it() { mkdir -p "$mountpoint"; mount --bind "$tank/$1" "$mountpoint"; }

unmount_it() {
    mounted_at "$1" | while read -r place; do
        umount "$place" || fail "cannot unmount '$place': pool or dataset is busy"
    done
}

action=$1 && shift
mountpoint='' first='' last=''
while [ $# -gt 0 ]; do
    case $1 in
        -o) shift; case $1 in mountpoint=*) mountpoint=${1#mountpoint=} ;; esac ;;
        mountpoint=*) mountpoint=${1#mountpoint=} ;;
        -*) ;;
        *) [ -n "$first" ] || first=$1; last=$1 ;;
    esac
    shift
done
name=${last##*/}

case $action in
    list)
        case $last in
            "$home" | "$home"/*) echo tank/home ;;
            *) fail "cannot open '$last': not a ZFS filesystem" ;;
        esac ;;
    create)
        mkdir "$tank/$name" && mount_it "$name" ;;
    snapshot)
        [ -d "$tank/${name%@*}" ] || fail "cannot open '$last': dataset does not exist"
        cp -a "$tank/${name%@*}" "$tank/$name" ;;
    clone)
        [ -d "$tank/${first##*/}" ] || fail "cannot open '$first': dataset does not exist"
        busy_at_first "$name" "create '$last'"
        echo "${first##*/}" >"$tank/$name.origin"
        cp -a "$tank/${first##*/}" "$tank/$name" && mount_it "$name" ;;
    set)
        [ -d "$tank/$name" ] || fail "cannot open '$last': dataset does not exist"
        unmount_it "$name" && mount_it "$name" ;;
    destroy)
        [ -d "$tank/$name" ] || fail "cannot open '$last': dataset does not exist"
        ! grep -qx "$name@.*" "$tank"/*.origin 2>/dev/null || fail "cannot destroy '$last': it has dependent clones"
        busy_at_first "$name" "destroy '$last'"
        unmount_it "$name"
        rm -rf "${tank:?}/$name" "$tank/$name@"* "$tank/$name.origin" ;;
    *) fail "unrecognized command '$action'" ;;
esac
