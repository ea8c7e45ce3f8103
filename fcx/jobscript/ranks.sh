# Starts ranks by each interface of MPI that Slurm has, and leaves what came of it in one file. Above
# this stand where (folder), what (rank, ranks, likely, asked), and functions: places, which writes
# what the ranks need, and step, which starts a program in each rank.
set +Ceu
export LC_ALL=C
umask 077
out=$PWD/slurm-$SLURM_JOB_ID.out # by its usual name
cd "$folder" || exit 1
told=$(places 2>&1) || { echo "fcx: $folder cannot be written: $told" >&2; exit 1; }

section() { # its name, then what is read
  echo "== $1"
  sed 's/^/| /'
}

tried() { # interface, further words for the ranks' program
  kind=$1; shift
  mkdir -p "of-$kind"
  step "--mpi=$kind" "$rank" "$folder/of-$kind" "$@" >"said-$kind" 2>&1
  code=$?
  : >"of-$kind/seen" && rm "of-$kind/seen" # a listing that this node has kept shows nothing new
  tail -c 4000 "said-$kind" | section "trial $kind $code"
  cat "of-$kind"/*.json 2>/dev/null
}

{
  listed=$(srun --mpi=list 2>&1)
  echo "$listed" | section list
  there=$(echo "$listed" | sed 's/.*versions available://' | tr ',[:space:]' ' ')
  scontrol show config 2>/dev/null | grep '^MpiDefault' | section default
  tried none
  if cat of-none/*.json 2>/dev/null | grep -q '"library": "[^"]'; then
    for each in $types; do
      [ "$each" != none ] || continue # that was tried
      case " $there " in
        *" $each "*) tried "$each" init ;;
      esac
    done
  fi
} >answer~
[ -s "$out" ] || [ ! "$out" -ef /proc/$$/fd/1 ] || rm -f "$out"
mv answer~ answer
