#!/usr/bin/env bash
# Build the container image of the present Bento with the backend that is there; arguments go to
# scripts/build_bento.py. CHURN_CONTAINER_BACKEND names one, CHURN_IMAGE another name.
set -euo pipefail
cd "$(dirname "$0")/.."

usable() {  # an engine that is installed need not run
    case $1 in
        docker) docker info >/dev/null 2>&1 ;;
        podman) podman info >/dev/null 2>&1 ;;
        buildah) buildah info >/dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}
backend=${CHURN_CONTAINER_BACKEND:-}
for candidate in ${backend:-docker podman buildah}; do
    usable "$candidate" && backend=$candidate && break
    backend=
done
if [ -z "$backend" ]; then
    echo "no usable container engine: ${CHURN_CONTAINER_BACKEND:-docker, podman or buildah} has" \
        "to be installed and running (make container-check installs podman and buildah on Debian)" >&2
    exit 1
fi

tag=$(python scripts/build_bento.py --tag "$@")
version=${tag#churn:}
image=${CHURN_IMAGE:-churn:$version}
export BENTOML_HOME=$PWD/bentos/store BENTOML_DO_NOT_TRACK=True
# OCI's format has no place for the health check
case $backend in
    docker) format=() ;;
    *) format=(--format docker) ;;
esac
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT

echo "Building $image with $backend ..."
log=$empty/log
mkdir "$empty/context"
if ! { bentoml containerize "$tag" --backend "$backend" --image-tag "churn-bento:$version" \
    ${CHURN_BUILD_OPTIONS:-} && "$backend" inspect --type image "churn-bento:$version"; } >"$log" 2>&1
then
    tail -n 20 "$log" >&2
    exit 1
fi
if ! "$backend" build "${format[@]}" --file bentos/Dockerfile \
    --build-arg "BENTO_IMAGE=churn-bento:$version" \
    --build-arg "VERSION=$version" --build-arg "MODEL=${version%-*}" \
    --tag "$image" --tag churn:latest "$empty/context" >"$log" 2>&1
then
    tail -n 20 "$log" >&2
    exit 1
fi
"$backend" rmi "churn-bento:$version" >/dev/null 2>&1 || true
echo "$image is built; start it with"
echo "  $backend run --rm -p 3000:3000 -v \$PWD/conf/local/api_keys.json:/etc/churn/api_keys.json:ro $image"
