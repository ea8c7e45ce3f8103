# Joins what was sent into the image, and gives that its name once it is whole. Above this stand
# pieces.sh, what it is of (size, sha256, build), where (folder, stem, parts), how long the list of
# its chunks is, and a function that prints the record that marks the image as ours.
# Any number of these jobs may be at the same image: what has the final name is always whole, and
# whoever comes second finds it. One that is ended leaves the pieces, for the next to join.
set -u
export LC_ALL=C
image=$folder/$stem.sqsh
mark=$folder/$stem.json
mine=$parts/whole.$SLURM_JOB_ID
sent=$parts/whole.sent.$SLURM_JOB_ID
said=$parts/said.$SLURM_JOB_ID
sums=$parts/sums.$SLURM_JOB_ID

is_there() { # ours, of this build: perhaps another job's work
  [ -f "$image" ] && [ -f "$mark" ] && grep -q "\"build_id\": \"$build\"" "$mark"
}

over() { # nothing is left to be done, by whoever else sends this build
  rm -rf "$parts" "$folder/.$stem".*.parts 2>/dev/null
  exit 0
}

fail() { # code, words: unless another job has done it meanwhile
  is_there && over
  rm -f "$mine" "$sent" "$mark.$SLURM_JOB_ID"
  echo "$2" 2>/dev/null >"$said"
  exit "$1"
}

refused() { # the words of a command that could not write: what it means
  case $1 in
    *"o space left"* | *uota*) fail "$FULL" "$1" ;;
    *) fail 1 "$1" ;;
  esac
}

marked() { # the image is what it is to be: say so
  if is_long "$parts/chunks" "$chunks"; then
    mv "$parts/chunks" "$folder/$stem.chunks" 2>/dev/null
  fi
  told=$({ record >"$mark.$SLURM_JOB_ID" && mv "$mark.$SLURM_JOB_ID" "$mark"; } 2>&1) ||
    refused "$told"
  over
}

settled() { # something has the final name
  is_there && over
  is_whole "$image" && marked
  if ! [ -e "$image" ] && ! [ -L "$image" ]; then fail "$INCOMPLETE" "$image has gone"; fi
  fail "$FOREIGN" "$image is there, and is not this image"
}

summed() { # the digests of all uploads, for the client to find what was spoiled on its way
  (cd "$parts" && sha256sum [0-9]*.*) >"$sums" 2>/dev/null
}

if [ -e "$image" ] || [ -L "$image" ]; then settled; fi
[ -d "$parts" ] || fail "$INCOMPLETE" "$parts is gone"
abandoned "$parts"/whole.*
if [ "$stripes" -gt 1 ] && command -v lfs >/dev/null; then
  lfs setstripe -c "$stripes" "$mine" >/dev/null 2>&1
fi
told=$(joined 2>&1) || case $told in
  "" | *"No such file"*) fail "$INCOMPLETE" "a piece is missing. $told" ;;
  *) refused "$told" ;;
esac
if ! is_whole "$mine"; then
  [ -f "$mine" ] || fail "$INCOMPLETE" "$mine has gone"
  rm -f "$mine" "$sent"
  summed
  fail "$DAMAGED" "what was joined has another digest than it should have"
fi
if ! told=$(ln "$mine" "$image" 2>&1); then
  if [ -e "$image" ]; then settled; fi
  # No hard links on this file system: then by the other way that is whole or nothing.
  told=$(mv "$mine" "$image" 2>&1) || refused "$told"
fi
marked
