#!/usr/bin/env bash
# Packs what a machine without network needs to run bench/gpu/run.sh beside a checkout: Deno, the npm packages of the
# library and its tests, and a Vulkan loader. Usage: bench/gpu/pack.sh [FOLDER]   (default .gpu; below 64 MiB)
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-.gpu}
version=2.9.6
rm -rf "$out" && mkdir -p "$out"

# Deno from its npm package, so that one registry serves for everything.
temporary=$(mktemp -d) && trap 'rm -rf "$temporary"' EXIT
npm pack --silent --pack-destination "$temporary" "@deno/linux-x64-glibc@$version" >/dev/null
tar -xzf "$temporary"/*.tgz -C "$temporary" package/deno
chmod +x "$temporary/package/deno"
xz -T0 -6 -c "$temporary/package/deno" >"$out/deno.xz"

# Every npm package that the benchmarks and the WebGPU tests import, but not the pictures of the default job.
export DENO_DIR="$temporary/cache"
"$temporary/package/deno" cache --quiet bench/gpu/run.ts bench/step.ts bench/*_bench.ts spark/commands/{tune,profile}.ts \
  tests/golden/run.ts tests/devices/run.ts tests/tensor/devices/webgpu*/*.ts
rm -rf "$DENO_DIR"/npm/*/@lobehub/*/*/assets "$DENO_DIR"/gen "$DENO_DIR"/*_cache_v*
tar -C "$DENO_DIR" -cf - . | xz -T0 -6 -c >"$out/packages.tar.xz"

# The loader: drivers of graphics cards come without it.
if command -v apt-get >/dev/null; then
  (cd "$temporary" && apt-get download -qq libvulkan1 2>/dev/null && cp libvulkan1_*.deb "$OLDPWD/$out/libvulkan1.deb") ||
    echo "Cannot pack the Vulkan loader as apt-get must find libvulkan1; go on without it" >&2
fi
du -sm "$out" | cut -f1 | { read -r size; echo "$out: $size MiB"; [ "$size" -lt 64 ]; }
