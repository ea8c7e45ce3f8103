# Builds an image of a context that was sent, imports it into a file, and says what is in it. Above
# this stand pieces.sh, what it is of and where, and functions:
#   engine, importer    podman, and what imports an image of its into a file
#   build_image, run_image   podman's build and run with the options of the site and of the user
#   dockerfile, image_record, write_programs   files for the context, and programs for the image
#   import_names, setup   the names that must be importable; the site's commands
# All that it says goes to the log, in ASCII, which the client follows: its steps begin with `== `,
# why it ends early is the line that begins with `fcx: `. What has the final name is always whole.

say() { echo "== $1"; }

fail() { # code, words
  echo "fcx: $2"
  exit "$1"
}

set_up() { # code, command
  [ "$1" -eq 0 ] || fail "$SETUP" "$2 ended with code $1"
}

machine() { # as images name it
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

# shellcheck disable=SC2317 # a trap calls it
tidy() {
  chmod -R u+rwX "$scratch" 2>/dev/null
  rm -rf "$scratch" "$mine" "$sent" "$new"
}

look_around() { # before anything is done: what the node lacks
  say "Looking at the node $(uname -n)"
  local told version
  [ "$(machine)" = "$architecture" ] ||
    fail "$OTHER_MACHINE" "the node is $(machine), the image is to be for $architecture"
  told=$(engine --version 2>&1) || fail "$NO_PODMAN" "$told"
  echo "$told"
  command -v "$program" >/dev/null || fail "$NO_ENROOT" "$program: not found"
  version=${told##* }
  if [ -n "$least" ] && [ "$(printf '%s\n%s\n' "$least" "$version" | sort -V | head -n 1)" != "$least" ]; then
    fail "$OLD_PODMAN" "podman $version"
  fi
  { [ -w "$images" ] && [ -w "$folder" ]; } || fail "$PLACE" "$images cannot be written to"
}

gather_context() { # the file that was sent, out of its pieces
  local tar=$folder/$archive.tar told
  is_whole "$tar" && return
  told=$(joined 2>&1) || case $told in
    "" | *"No such file"*) fail "$INCOMPLETE" "a piece of the context is missing. $told" ;;
    *) fail "$PLACE" "$told" ;;
  esac
  if ! is_whole "$mine"; then
    rm -rf "$parts"
    fail "$DAMAGED" "the context arrived with another digest than it should have"
  fi
  if is_long "$parts/chunks" "$chunks"; then mv "$parts/chunks" "$folder/$archive.chunks"; fi
  told=$(mv "$mine" "$tar" 2>&1) || fail "$PLACE" "$told"
  rm -rf "$parts"
}

unpack_context() {
  {
    mkdir -p "$source" "$programs" "$answer" &&
      tar -xpf "$folder/$archive.tar" --no-same-owner -C "$source" &&
      mkdir -p "$source/$reserved" &&
      dockerfile >"$source/$reserved/Dockerfile" &&
      image_record >"$source/$reserved/image.json" &&
      write_programs && chmod 755 "$programs" && chmod 644 "$programs"/*
  } || fail "$PLACE" "the context cannot be unpacked in $scratch"
}

plainly() { # script, words: as a plain user, where the node can have one; with what the EDF sets
  run_image --env=PYTHONNOUSERSITE=1 ${as:+"$as"} ${home:+"$home"} --entrypoint sh "$tag" -c "$@"
}

ask_image() { # what the probes find in it
  local told found
  say "Asking the image what it is"
  as=--user=$plain_user home=
  if ! told=$(plainly : 2>&1); then
    as=
    plainly : || fail "$SILENT" "the image does not start: $told"
    echo "The node has no plain user for containers: the image is asked as its root."
  fi
  plainly "$probe_script" sh "$python" >"$answer/probe" 2>"$answer/complaint" ||
    fail "$SILENT" "$(tail -c 600 "$answer/complaint" | tr '\n' ' ')"
  found=$(sed -n 's/.*"executable": "\([^"]*\)".*/\1/p' "$answer/probe" | head -n 1)
  home=--env=HOME=/tmp
  import_names plainly "$import_script" sh "$found" >"$answer/imports" 2>/dev/null
  engine image inspect "$tag" >"$answer/record" || fail "$SILENT" "podman does not know $tag"
}

import_image() { # into a new file, which is whole whatever enroot's exit code says
  local code
  say "Importing podman://$tag with $program"
  importer --output "$new" "podman://$tag"
  code=$?
  if ! is_squash; then fail "$IMPORT" "$program ended with code $code, and left no image"; fi
  if [ "$code" -ne 0 ]; then echo "$program ended with code $code; the image is whole all the same."; fi
}

is_squash() { # where there is unsquashfs the whole list is read
  [ -s "$new" ] || return
  if command -v unsquashfs >/dev/null; then unsquashfs -l "$new" >/dev/null 2>&1; else [ "$code" -eq 0 ]; fi
}

hand_over() { # the image gets its name, then its mark; the client finds the answer when all is there
  local digest length told
  say "Verifying $stem.sqsh"
  digest=$(sha256sum <"$new") || fail "$PLACE" "$new has gone"
  length=$(wc -c <"$new")
  digest=${digest%% *}
  [ ! -e "$images/$stem.sqsh" ] || fail "$FOREIGN" "$images/$stem.sqsh is there already"
  told=$(mv "$new" "$images/$stem.sqsh" 2>&1) || fail "$PLACE" "$told"
  printf '{"schema": 1, "name": "%s", "build_id": "%s", "size": %s, "sha256": "%s", "shipped": %s}\n' \
    "$image_name" "$build" "$length" "$digest" "$(date +%s)" >"$answer/mark"
  for part in mark record probe imports; do # each begins with a line of its own
    echo "== $part"
    cat "$answer/$part"
    echo
  done >"$made/answer.new"
  {
    cp "$answer/mark" "$images/$stem.json.new" &&
      mv "$images/$stem.json.new" "$images/$stem.json" &&
      mv "$made/answer.new" "$made/answer"
  } || fail "$PLACE" "the record of the image cannot be written"
}

clean_up() { # what no next build needs: other contexts, what old builds have left, podman's copy
  local file
  for file in "$folder"/context-*; do
    case $file in "$folder/$archive".*) ;; *) rm -f "$file" ;; esac
  done
  find "$folder" -mindepth 1 -maxdepth 1 -mtime +7 \
    \( -name '*.made' -o -name '*.parts' -o -name '*.job' \) -exec rm -rf {} +
  abandoned "$images/.$image_name-"*.*.sqsh "$folder"/whole.* "$folder"/sent.*
  engine rmi --no-prune "$tag" >/dev/null 2>&1
}

main() {
  setup
  set +Ceu
  export LC_ALL=C
  mine=$folder/whole.$SLURM_JOB_ID
  sent=$folder/sent.$SLURM_JOB_ID
  new=$images/.$stem.$SLURM_JOB_ID.sqsh
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/fcx-build.XXXXXX") ||
    fail "$PLACE" "no folder can be made in ${TMPDIR:-/tmp}"
  trap tidy EXIT
  trap 'exit 143' TERM
  source=$scratch/context programs=$scratch/programs answer=$scratch/answer
  look_around
  say "Taking the build context"
  gather_context
  unpack_context
  say "Building $tag"
  build_image --format docker --tag "$tag" --file "$source/$reserved/Dockerfile" "$source" ||
    fail "$BUILD" "podman build ended with code $?"
  ask_image
  import_image
  hand_over
  clean_up
  say "Done"
}

# Line by line: what a program overwrites with a carriage return is of no use in a log.
main 2>&1 | LC_ALL=C sed -u 's/.*\r\(.\)/\1/; s/[^ -~\t]/?/g'
exit "${PIPESTATUS[0]}"
