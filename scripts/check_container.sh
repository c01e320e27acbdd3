#!/usr/bin/env bash
# Build the image and run it for real, where nothing but Debian packages can be had: a Debian root
# made by debootstrap stands in for the Python base image, the wheels come from the package index
# that pip is configured for, buildah builds offline, podman runs it as a cluster should: read-only,
# without root, capabilities and network, with 512 MB. Arguments go to scripts/build_bento.py.
# CHURN_CHECK_CACHE names a folder that keeps the base and the wheels for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=(buildah podman runc debootstrap)
limit=$((450 * 1000 * 1000))  # bytes of the image
memory=512m

missing=()
for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ "$(id -u)" -ne 0 ] || { [ ${#missing[@]} -gt 0 ] && ! command -v apt-get >/dev/null; }; then
    echo "the container check needs root on Debian or Ubuntu, and ${tools[*]}" \
        "(missing: ${missing[*]:-none})" >&2
    exit 1
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "Installing ${missing[*]} ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
cache=${CHURN_CHECK_CACHE:-$work/cache}
name=churn-check-$$
image=localhost/churn:check
# a store of its own: whatever else is built on this machine stays as it is
export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot
cat > "$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
graphroot = "$work/graph"
runroot = "$work/run"
CONF
clean() {
    podman rm --force --time 0 "$name" || true
    buildah rm --all || true
    umount "$work/graph/overlay" || true
    rm -rf "$work"
}
trap 'clean >/dev/null 2>&1' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p "$cache" "$work/local/bin" "$work/churn/keys" "$work/churn/state"
if [ ! -f "$cache/base.tar" ]; then
    echo "Making the base image's stand-in ..."
    debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$work/base" \
        >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    tar -C "$work/base" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
        --exclude='./usr/share/locale/*' --exclude='./dev/*' \
        -cf "$cache/base.tar.partial" .
    mv "$cache/base.tar.partial" "$cache/base.tar"
    rm -rf "$work/base"
fi
container=$(buildah from scratch)
buildah add --quiet "$container" "$cache/base.tar" / >/dev/null
buildah commit --quiet --rm "$container" docker.io/library/python:3.11-slim >/dev/null

# offline from here on: what is not in the lock is not there, and no configuration gets in
platforms=()
for glibc in 2014 _2_17 _2_24 _2_26 _2_27 _2_28 _2_31 _2_34; do
    platforms+=(--platform "manylinux${glibc}_$(uname -m)")
done
echo "Fetching the locked wheels ..."
python -m pip download -qq --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --python-version 3.11 --implementation cp "${platforms[@]}" \
    --requirement bentos/requirements.lock --dest "$cache/wheels"
cp "$(command -v uv)" "$work/local/uv"
cp -r "$cache/wheels" "$work/local/wheels"
cat > "$work/local/bin/uv" <<'UV'
#!/bin/sh
export UV_OFFLINE=1 UV_NO_INDEX=1 UV_FIND_LINKS=/usr/local/wheels
exec /usr/local/uv "$@"
UV
chmod +x "$work/local/bin/uv"

echo "Building the image ..."
started=$(date +%s%N)
seconds() { awk -v from="$1" -v to="$(date +%s%N)" 'BEGIN {printf "%.1f", (to - from) / 1e9}'; }
CHURN_CONTAINER_BACKEND=buildah CHURN_IMAGE=$image \
    CHURN_BUILD_OPTIONS="--opt volume=$work/local:/usr/local:ro" \
    scripts/build_container.sh "$@" >/dev/null
echo "built in $(seconds "$started") s"
size=$(podman image inspect --format '{{.Size}}' $image)
echo "image: $((size / 1000000)) MB (at most $((limit / 1000000)))"
[ "$size" -le $limit ] || { echo "the image is too large" >&2; exit 1; }

chown 1034:1034 "$work/churn/keys" "$work/churn/state"
chmod 755 "$work" # the folders in it are mounted
hardened=(
    --network none --read-only --cap-drop all --security-opt no-new-privileges
    --memory $memory --memory-swap $memory --pids-limit 256
    --ulimit nofile=4096:4096 --ulimit nproc=4096:4096
    --tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m
    --volume "$work/churn/state:/var/lib/churn"
)
key=$(podman --runtime runc run --rm "${hardened[@]}" --volume "$work/churn/keys:/etc/churn" \
    --no-healthcheck --entrypoint python $image -m churn_pipeline.serving.key_commands \
    create --name container-check --scope score --scope explain --quiet)
started=$(date +%s%N)
podman --runtime runc run --detach --name "$name" "${hardened[@]}" \
    --volume "$work/churn/keys:/etc/churn:ro" $image >/dev/null 2>"$work/log" ||
    { cat "$work/log" >&2; exit 1; }  # without systemd podman only warns of the health check
if ! podman exec --interactive --env CHURN_API_KEY="$key" --env "STARTED=$started" "$name" \
    python - < scripts/probe_container.py
then
    podman logs --tail 30 "$name" >&2
    exit 1
fi
podman healthcheck run "$name" >/dev/null || { echo "the image's health check fails" >&2; exit 1; }
echo "health check: passed"

started=$(date +%s%N)
podman stop --time 20 "$name" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
code=$(podman inspect --format '{{.State.ExitCode}}' "$name")
echo "SIGTERM: exit code $code after $(seconds "$started") s"
[ "$code" -eq 0 ] || { podman logs --tail 30 "$name" >&2; exit 1; }
echo "the container check passed"
