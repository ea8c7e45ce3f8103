# Functions that make one file of what was sent in pieces: `$mine`, of `$size` bytes with `$sha256`.
# Above this stand functions that print, in their order,
#   pieces  NAME LENGTH          what was uploaded to `$parts` as NAME.<anything>
#   ranges  FILE LENGTH OFFSET   what the file consists of: bytes of one that lies in `$folder`, or
#                                of what was sent (`.`, gathered in `$sent`); none where that is it

is_long() { # a file of that length
  [ -f "$1" ] && [ "$(wc -c <"$1")" -eq "$2" ]
}

is_whole() { # a file with the bytes that are wanted
  is_long "$1" "$size" && [ "$(sha256sum <"$1")" = "$sha256  -" ]
}

uploaded() { # name, length: a file of that piece, as far as its length tells
  for file in "$parts/$1".*; do
    is_long "$file" "$2" && return
  done
  return 1
}

gathered() { # the pieces one after the other, at the end of a file
  pieces | while read -r name length; do
    { uploaded "$name" "$length" && cat "$file" >&3; } || exit 1
  done 3>>"$1"
}

laid() { # the ranges one after the other
  ranges | while read -r file length offset; do
    case $file in
      .) file=$sent ;;
      *) file=$folder/$file ;;
    esac
    [ -r "$file" ] || exit 1 # it has gone, or is not ours to read
    dd if="$file" bs=1048576 iflag=skip_bytes,count_bytes skip="$offset" count="$length" \
      status=none >&3 || exit 1
  done 3>>"$mine"
}

joined() {
  if [ -z "$(ranges)" ]; then
    gathered "$mine"
  else
    gathered "$sent" && laid && rm -f "$sent"
  fi
}

in_queue() { # a job that has not ended
  [ -n "$(squeue -h -j "$1" -o %i 2>/dev/null)" ]
}

abandoned() { # files NAME.JOB or NAME.JOB.sqsh: those of jobs that were ended go, if Slurm can tell
  in_queue "$SLURM_JOB_ID" || return
  for file; do
    job=${file%.sqsh} job=${job##*.}
    case $job in '' | *[!0-9]*) continue ;; esac
    [ ! -f "$file" ] || in_queue "$job" || rm -f "$file"
  done
}

