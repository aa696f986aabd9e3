#!/bin/bash
# Erases each SSD that waits for it, and tells nova-compute. Ends at the first that does not go as it should.
set -euo pipefail

sys=${SYS:-/sys}
dev=${DEV:-/dev}
lock=${LOCK:-/run/lock/external_cleaner}

nova_accel() {
    sudo -u nova /opt/nova/bin/nova-accel "$@"
}

refuse() {
    echo "$*" >&2
    exit 1
}

waiting() {
    nova_accel device list -f value -c identity -c class -c address -c "why not available" |
        awk '$2 == "CUSTOM_SSD" && $3 ~ /:/ && /waits for whoever cleans it/ { print $1, $3 }'
}

# Those before it may have taken hours: another SSD can be in its place, with a guest, or an operator had it cleaned.
waits_still() {
    local now
    now=$(waiting)
    grep --quiet --line-regexp --fixed-strings "$1 $2" <<<"$now" || refuse "$1 at $2 does not wait any more"
}

# From vfio-pci to nvme; the driver_override is what our udev rule goes by.
take() {
    local device=$sys/bus/pci/devices/$1 driver
    driver=$(basename "$(readlink "$device/driver" || true)")
    case $driver in
    nvme) # after a reboot, or taken by a run that failed; whatever has it now must be seen before it is marked
        wait_for_disks "$1" "$2"
        refuse_if_used "$1"
        echo nvme >"$device/driver_override"
        ;;
    vfio-pci | "")
        [[ -z $driver ]] || refuse_if_guest "$1"
        echo nvme >"$device/driver_override"
        [[ -z $driver ]] || echo "$1" >"$device/driver/unbind"
        echo "$1" >"$sys/bus/pci/drivers_probe"
        wait_for_disks "$1" "$2"
        ;;
    *) refuse "$1 is bound to $driver" ;;
    esac
}

# A group can be opened once.
refuse_if_guest() {
    local group
    group=$dev/vfio/$(basename "$(readlink "$sys/bus/pci/devices/$1/iommu_group")")
    if [[ -e $group ]] && ! { true <>"$group"; } 2>/dev/null; then
        refuse "$1 is in use through vfio"
    fi
}

# Opens each exclusively, and changes nothing.
refuse_if_used() {
    local disk names
    names=$(disks "$1")
    for disk in $names; do
        wipefs --all --no-act "$dev/$disk" >/dev/null </dev/null || refuse "$dev/$disk is in use"
    done
}

# With native multipath the folder is of a path, such as nvme4c4n1, and the disk is nvme4n1.
disks() {
    basename -a "$sys/bus/pci/devices/$1"/nvme/nvme*/nvme*n* | sed -E 's/^(nvme[0-9]+)c[0-9]+(n[0-9]+)$/\1\2/' | sort -u
}

wait_for_disks() {
    local shown=nothing
    for _ in {1..150}; do
        if compgen -G "$sys/bus/pci/devices/$1/nvme/nvme*/nvme*n*" >/dev/null; then
            read -r shown <<<"$(cat "$sys/bus/pci/devices/$1"/nvme/nvme*/serial)"
            break
        fi
        sleep 1
    done
    [[ $shown == "$2" ]] || refuse "at $1 is $shown, not $2"
}

exec {locked}>"$lock"
flock --nonblock "$locked" || refuse "it runs already"

list=$(waiting)
while read -r serial address; do
    waits_still "$serial" "$address"
    take "$address" "$serial"
    found=$(disks "$address") # on a line of its own: a failure ends the script
    for disk in $found; do
        refuse_if_used "$address"
        your-cleaner "$dev/$disk" </dev/null
    done
    nova_accel device clean "$serial" --done-by "your-cleaner on $(hostname)" --wait </dev/null
done < <(printf '%s' "${list:+$list$'\n'}")
