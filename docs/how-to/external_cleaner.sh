#!/bin/bash
# Erases each SSD that waits for it, and tells nova-compute. Ends at the first that does not go as it should.
set -euo pipefail

sys=${SYS:-/sys}

nova_accel() {
    sudo -u nova /opt/nova/bin/nova-accel "$@"
}

waiting() {
    nova_accel device list -f value -c identity -c class -c address -c "why not available" |
        awk '$2 == "CUSTOM_SSD" && $3 ~ /:/ && /waits for whoever cleans it/ { print $1, $3 }'
}

# From vfio-pci to nvme; the driver_override is what our udev rule goes by.
take() {
    local device=$sys/bus/pci/devices/$1
    echo nvme >"$device/driver_override"
    if [[ $(readlink "$device/driver") != */nvme ]]; then
        echo "$1" >"$device/driver/unbind"
        echo "$1" >"$sys/bus/pci/drivers_probe"
    fi
}

disks() {
    local controller shown=nothing
    for _ in {1..60}; do
        controller=$(ls "$sys/bus/pci/devices/$1/nvme" 2>/dev/null || true)
        if compgen -G "$sys/bus/pci/devices/$1/nvme/$controller/nvme*n*" >/dev/null; then
            read -r shown <"$sys/bus/pci/devices/$1/nvme/$controller/serial"
            break
        fi
        sleep 1
    done
    if [[ $shown != "$2" ]]; then
        echo "at $1 is $shown, not $2" >&2
        return 1
    fi
    basename -a "$sys/bus/pci/devices/$1/nvme/$controller"/nvme*n*
}

list=$(waiting)
while read -r serial address; do
    take "$address"
    found=$(disks "$address" "$serial") # on a line of its own: a failure ends the script
    for disk in $found; do
        your-cleaner "/dev/$disk" </dev/null
    done
    nova_accel device clean "$serial" --done-by "your-cleaner on $(hostname)" --wait </dev/null
done < <(printf '%s' "${list:+$list$'\n'}")
