# start.sh PYTHON FILE agent RUN CONFIG: runs it, and leaves a note when it ends otherwise than by itself.
trap : TERM USR1 USR2 INT HUP
"$@"
code=$?
[ $code -eq 0 ] || echo "exit code $code" >>"$4/logs/$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}.$SLURM_NODEID.exit"
exit $code
