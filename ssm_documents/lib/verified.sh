# shellcheck shell=bash
# Nothing from the bucket is read, unpacked or installed before its SHA-256 is the promised one.
source "${BASH_SOURCE[0]%/*}/aws.sh"

# fetch_verified KEY SHA256 FILE
fetch_verified() {
  local -r key=$1 expected=$2 file=$3
  s3_get "$key" "$file"
  local found
  found=$(sha256sum "$file")
  found=${found%% *}
  [[ $found == "$expected" ]] || fail 70 "checksum of $key is $found, manifest says $expected"
}
