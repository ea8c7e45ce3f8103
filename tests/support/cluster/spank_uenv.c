/*
 * srun --uenv=NAME --view=VIEW for a Debian Slurm: a stand-in for the CSCS uenv plugin.
 *
 * A uenv is a folder below root=. Each task of the step has it mounted at mount=, in a mount
 * namespace of its own; a view adds what its file env/VIEW/variables says, one NAME=VALUE a line,
 * where a value of PATH goes before what is there. sbatch takes both options, too, for its script.
 *
 * plugstack.conf:
 *   required spank_uenv.so root=/p/images mount=/p/user-environment
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

SPANK_PLUGIN(uenv, 1)

static char root[PATH_MAX], mountpoint[PATH_MAX], uenv[256], view[256];

static int take(int which, const char *value, int remote)
{
    snprintf(which ? view : uenv, sizeof uenv, "%s", value);
    return 0;
}

static struct spank_option options[] = {
    {"uenv", "NAME", "the user environment that tasks have", 1, 0, take},
    {"view", "VIEW", "the view of it", 1, 1, take},
};

int slurm_spank_init(spank_t sp, int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        if (!strncmp(av[i], "root=", 5))
            snprintf(root, sizeof root, "%s", av[i] + 5);
        if (!strncmp(av[i], "mount=", 6))
            snprintf(mountpoint, sizeof mountpoint, "%s", av[i] + 6);
    }
    return spank_option_register(sp, &options[0]) || spank_option_register(sp, &options[1]) ? -1 : 0;
}

static int image(char *path, size_t size)
{
    snprintf(path, size, "%.*s/%s", PATH_MAX - 512, root, uenv);
    return access(path, R_OK);
}

/* In srun and sbatch: what is not there is told before anything begins. */
int slurm_spank_init_post_opt(spank_t sp, int ac, char **av)
{
    char path[PATH_MAX];

    if (spank_remote(sp) == 1)
        return 0;
    if (*uenv && image(path, sizeof path)) {
        slurm_error("uenv: no uenv matches '%s'", uenv);
        return -1;
    }
    if (*view && !*uenv) {
        slurm_error("uenv: the view '%s' is of no uenv: --uenv is not given", view);
        return -1;
    }
    return 0;
}

/* As root, before the task becomes the user. */
int slurm_spank_task_init_privileged(spank_t sp, int ac, char **av)
{
    char path[PATH_MAX];

    if (!*uenv)
        return 0;
    image(path, sizeof path);
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
        mount(path, mountpoint, NULL, MS_BIND, NULL)) {
        slurm_error("uenv: %s cannot be mounted: %m", path);
        return -1;
    }
    return 0;
}

static void set(spank_t sp, const char *name, const char *value)
{
    static char before[1 << 16], whole[1 << 17];

    snprintf(whole, sizeof whole, "%s", value);
    if (!strcmp(name, "PATH") && !spank_getenv(sp, name, before, sizeof before))
        snprintf(whole, sizeof whole, "%s:%s", value, before);
    spank_setenv(sp, name, whole, 1);
}

int slurm_spank_task_init(spank_t sp, int ac, char **av)
{
    char path[PATH_MAX], *line = NULL, *equals;
    size_t size = 0;
    ssize_t length;
    FILE *file;

    if (!*view)
        return 0;
    snprintf(path, sizeof path, "%.*s/env/%s/variables", PATH_MAX - 512, mountpoint, view);
    if (!(file = fopen(path, "r"))) {
        slurm_error("uenv: %s has no view '%s'", uenv, view);
        return -1;
    }
    while ((length = getline(&line, &size, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        if (!(equals = strchr(line, '=')))
            continue;
        *equals = 0;
        set(sp, line, equals + 1);
    }
    free(line);
    fclose(file);
    return 0;
}
