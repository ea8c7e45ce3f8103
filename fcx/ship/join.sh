# Joins what was sent into the image, and gives that its name once it is whole. Above this stand
# what it is (size, sha256, build), where (folder, stem, parts) and two functions that print: the
# record that marks the image as ours, and the pieces that it is made of, in their order:
#   sent NAME LENGTH             a piece that was uploaded as NAME.<anything>
#   copy FILE LENGTH OFFSET      bytes of an image that lies beside
# Any number of these jobs may be at the same image: what has the final name is always whole, and
# whoever comes second finds it. One that is ended leaves the pieces, for the next to join.
set -u
export LC_ALL=C
image=$folder/$stem.sqsh
mark=$folder/$stem.json
mine=$parts/whole.$SLURM_JOB_ID
said=$parts/said.$SLURM_JOB_ID
sums=$parts/sums.$SLURM_JOB_ID

is_there() { # ours, of this build: perhaps another job's work
  [ -f "$image" ] && [ -f "$mark" ] && grep -q "\"build_id\": \"$build\"" "$mark"
}

is_whole() { # a file with the bytes that are wanted
  [ -f "$1" ] && [ "$(wc -c <"$1")" -eq "$size" ] && [ "$(sha256sum <"$1")" = "$sha256  -" ]
}

over() { # nothing is left to be done, by whoever else sends this build
  rm -rf "$parts" "$folder/.$stem".*.parts 2>/dev/null
  exit 0
}

fail() { # code, words: unless another job has done it meanwhile
  is_there && over
  rm -f "$mine" "$mark.$SLURM_JOB_ID"
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

uploaded() { # name, length: a file of that piece, as far as its length tells
  for file in "$parts/$1".*; do
    [ -f "$file" ] && [ "$(wc -c <"$file")" -eq "$2" ] && return
  done
  return 1
}

put() { # to the open file 3
  case $1 in
    sent) uploaded "$2" "$3" && cat "$file" >&3 ;;
    copy)
      dd if="$folder/$2" bs=1048576 iflag=skip_bytes,count_bytes skip="$4" count="$3" \
        status=none >&3
      ;;
  esac
}

joined() {
  pieces | while read -r kind name length offset; do
    put "$kind" "$name" "$length" "$offset" || exit 1
  done 3>>"$mine"
}

summed() { # the digests of all uploads, for the client to find what was spoiled on its way
  (cd "$parts" && sha256sum [0-9]*.*) >"$sums" 2>/dev/null
}

in_queue() { # a job that has not ended
  [ -n "$(squeue -h -j "$1" -o %i 2>/dev/null)" ]
}

abandoned() { # what jobs that were ended have left half joined, if Slurm can be asked
  in_queue "$SLURM_JOB_ID" || return
  for file in "$parts"/whole.*; do
    [ ! -f "$file" ] || in_queue "${file##*.}" || rm -f "$file"
  done
}

if [ -e "$image" ] || [ -L "$image" ]; then settled; fi
[ -d "$parts" ] || fail "$INCOMPLETE" "$parts is gone"
abandoned
if [ "$stripes" -gt 1 ] && command -v lfs >/dev/null; then
  lfs setstripe -c "$stripes" "$mine" >/dev/null 2>&1
fi
told=$(joined 2>&1) || case $told in
  "" | *"No such file"*) fail "$INCOMPLETE" "a piece is missing. $told" ;;
  *) refused "$told" ;;
esac
if ! is_whole "$mine"; then
  [ -f "$mine" ] || fail "$INCOMPLETE" "$mine has gone"
  rm -f "$mine"
  summed
  fail "$DAMAGED" "what was joined has another digest than it should have"
fi
if ! told=$(ln "$mine" "$image" 2>&1); then
  if [ -e "$image" ]; then settled; fi
  # No hard links on this file system: then by the other way that is whole or nothing.
  told=$(mv "$mine" "$image" 2>&1) || refused "$told"
fi
marked
