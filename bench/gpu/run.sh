#!/usr/bin/env bash
# Runs the GPU benchmark on a machine without network, from a checkout with the folder that bench/gpu/pack.sh made.
# Usage: bench/gpu/run.sh [--pack FOLDER] [OPTIONS of bench/gpu/run.ts]
set -euo pipefail
cd "$(dirname "$0")/../.."
pack=.gpu
if [ "${1:-}" = --pack ]; then pack=$2; shift 2; fi
home=$(mktemp -d)
export DENO_DIR="$home/cache" XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$home}" NO_COLOR=1
xz -dc "$pack/deno.xz" >"$home/deno" && chmod +x "$home/deno"
mkdir -p "$DENO_DIR" && xz -dc "$pack/packages.tar.xz" | tar -C "$DENO_DIR" -xf -
if ! ldconfig -p | grep -q libvulkan.so.1 && [ -f "$pack/libvulkan1.deb" ]; then
  dpkg-deb -x "$pack/libvulkan1.deb" "$home/loader"
  export LD_LIBRARY_PATH="$(echo "$home"/loader/usr/lib/*-linux-gnu):${LD_LIBRARY_PATH:-}"
fi
# Where a container has NVIDIA's driver without its Vulkan manifest in the usual place.
nvidia=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
[ -z "${VK_DRIVER_FILES:-}" ] && [ -f "$nvidia" ] && export VK_DRIVER_FILES="$nvidia"
exec "$home/deno" run -A --cached-only bench/gpu/run.ts "$@"
