#!/usr/bin/env bash
# Installs Docker from the packages in the bucket, or from the system's own repositories where the bucket has none, and
# loads the pause image that bridge networks need.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/packages.sh"
source "${BASH_SOURCE[0]%/*}/../lib/artifact.sh"
source "${BASH_SOURCE[0]%/*}/../lib/wait.sh"

require_parameters Cluster Region Bucket PackagesKey PackagesSha256 \
  PrerequisitesKey PrerequisitesSha256 ImageKey ImageSha256
readonly packages_key=${SSM_PackagesKey:?}
readonly packages_sha256=${SSM_PackagesSha256:?}
readonly prerequisites_key=${SSM_PrerequisitesKey:?}
readonly prerequisites_sha256=${SSM_PrerequisitesSha256:?}
readonly image_key=${SSM_ImageKey:?}
readonly image_sha256=${SSM_ImageSha256:?}

readonly image_name_file=$stamp_dir/pause_image.name

main() {
  ensure_prerequisites "$prerequisites_key" "$prerequisites_sha256"
  has_docker || install_docker
  systemctl is-enabled --quiet docker || systemctl enable --quiet docker
  systemctl is-active --quiet docker || systemctl start docker
  wait_until 120 "Docker's daemon" docker_answers
  has_pause_image || load_pause_image
  local image version
  image=$(<"$image_name_file")
  version=$(docker --version) # "Docker version 20.10.24+dfsg1, build 297e128"
  version=${version#Docker version }
  result "{\"version\":$(json_string "${version%%,*}"),\"image\":$(json_string "$image"),\"changed\":$changed}"
}

# Where the bucket has none, no checksum says which Docker it has to be.
has_docker() {
  have_tools docker dockerd && { [[ $packages_key == - ]] || is_installed docker "$packages_sha256"; }
}

install_docker() {
  log "installing Docker: $packages_key"
  if [[ $packages_key == - ]]; then
    with_host_lock install_from_repositories "$(docker_package)"
  else
    fetch_verified "$packages_key" "$packages_sha256" "$work_dir/docker.tar"
    with_host_lock install_packages "$work_dir/docker.tar"
    mark_installed docker "$packages_sha256"
  fi
  have_tools docker dockerd || fail 70 "Docker's packages have no ${missing_tools[*]}"
  changed=true
}

docker_package() {
  if command -v apt-get >/dev/null; then echo docker.io; else echo docker; fi
}

docker_answers() {
  obstacle=$(docker info 2>&1 >/dev/null)
}

# An image keeps its name in the archive; what was loaded is asked for by that name.
has_pause_image() {
  is_installed pause_image "$image_sha256" "$image_name_file" &&
    docker image inspect "$(<"$image_name_file")" >/dev/null 2>&1
}

load_pause_image() {
  log "loading $image_key"
  fetch_verified "$image_key" "$image_sha256" "$work_dir/image.tar"
  local loaded
  loaded=$(docker load --quiet --input "$work_dir/image.tar")
  [[ $loaded == "Loaded image: "* ]] || fail 70 "image $image_key has no name: docker load said '$loaded'"
  mkdir -p "$stamp_dir"
  printf '%s\n' "${loaded#Loaded image: }" >"$image_name_file"
  mark_installed pause_image "$image_sha256"
  changed=true
}

main "$@"
