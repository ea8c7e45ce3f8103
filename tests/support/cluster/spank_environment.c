/*
 * srun --environment=EDF for a Debian Slurm: a stand-in for the CSCS Container Engine.
 *
 * In srun, edf_resolve.py turns the EDF into flat fields, as the user and in the user's directory;
 * they travel in one environment variable. In slurmstepd one container is built for the step's
 * tasks on that node: a mount namespace with the SquashFS image, a tmpfs over it, /dev, /proc,
 * /sys and the EDF's mounts. Each task joins it. Whatever the user names is opened as the user.
 *
 * It is no pyxis: it pulls nothing, starts no entrypoint, knows no hooks (annotations are
 * ignored), and files of the image keep their owners.
 *
 * plugstack.conf:
 *   required spank_environment.so python=/usr/bin/python3 resolver=/p/edf_resolve.py scratch=/p/mnt
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <slurm/slurm.h>
#include <slurm/spank.h>

SPANK_PLUGIN(environment, 1)

#define VARIABLE "SLURM_EDF_RESOLVED"
#define END '\x1e'
/* The kernel takes 128 KiB as one environment variable. */
#define MAX_FIELDS (120 * 1024)
#define MAX_MOUNTS 256
#define TEXT 8192

/* Where a login shell leads a path that nothing else sets: /etc/profile of Debian. */
#define LOGIN_PATH "/usr/local/bin:/usr/bin:/bin:/usr/games"
#define LOGIN_PATH_ROOT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct bind {
    char *source, *target, *flags;
    int tree; /* a detached mount of the source */
    bool directory;
};

static struct {
    char *name;        /* as given: --environment=NAME */
    char *fields;      /* what the resolver printed, cut in place */
    char *image, *workdir;
    bool writable;
    struct bind binds[MAX_MOUNTS];
    int count;
} edf;

static char *python = "/usr/bin/python3", *resolver, *scratch;
static int container = -1; /* the mount namespace of this step, here */
static bool failed;        /* there should be one and there is not */
static char message[TEXT]; /* why, from the child that builds it */

/* ------------------------------------------------------------------ the option, in srun */

static int remember(int val, const char *arg, int remote)
{
    edf.name = strdup(arg ? arg : "");
    return edf.name ? 0 : -1;
}

static struct spank_option option = {
    "environment", "EDF", "run the step in the container that EDF (a path or a name) describes",
    1, 0, remember,
};

static void read_arguments(int ac, char **av)
{
    for (int i = 0; i < ac; i++) {
        if (!strncmp(av[i], "python=", 7))
            python = av[i] + 7;
        else if (!strncmp(av[i], "resolver=", 9))
            resolver = av[i] + 9;
        else if (!strncmp(av[i], "scratch=", 8))
            scratch = av[i] + 8;
    }
}

int slurm_spank_init(spank_t sp, int ac, char **av)
{
    spank_context_t context = spank_context();

    read_arguments(ac, av);
    if (context == S_CTX_LOCAL || context == S_CTX_REMOTE || context == S_CTX_ALLOCATOR)
        return spank_option_register(sp, &option);
    return 0;
}

static ssize_t read_all(int fd, char *to, size_t size)
{
    size_t have = 0;
    ssize_t got;

    while (have < size && (got = read(fd, to + have, size - have)) != 0) {
        if (got < 0 && errno != EINTR)
            return -1;
        have += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)have;
}

/* What the resolver prints goes to `to`; its exit status is returned, -1 if it can't be had. */
static int run_resolver(char *to, size_t size)
{
    int pipes[2], status;
    pid_t child;
    ssize_t got;

    if (pipe2(pipes, O_CLOEXEC) || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        execl(python, python, "-I", resolver, edf.name, (char *)NULL);
        dprintf(STDOUT_FILENO, "%s: %s\n", python, strerror(errno));
        _exit(127);
    }
    close(pipes[1]);
    got = read_all(pipes[0], to, size - 1);
    close(pipes[0]);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    to[got < 0 ? 0 : got] = 0;
    if (got > 0 && to[got - 1] == '\n')
        to[got - 1] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In srun and sbatch, before anything is asked of the controller: a broken EDF ends it here. */
int slurm_spank_init_post_opt(spank_t sp, int ac, char **av)
{
    static char fields[MAX_FIELDS + 1];
    int status;

    if (!edf.name || spank_remote(sp) != 0)
        return 0;
    status = run_resolver(fields, sizeof fields);
    if (status) {
        slurm_error("--environment=%s: %s", edf.name, *fields ? fields : "cannot be resolved");
        return -1;
    }
    if (strlen(fields) >= MAX_FIELDS) {
        slurm_error("--environment=%s: too large once resolved", edf.name);
        return -1;
    }
    return setenv(VARIABLE, fields, 1);
}

/* ------------------------------------------------------------------ fields */

/* The next field, or NULL at the end. */
static char *next_field(char **at)
{
    char *start = *at, *end = start ? strchr(start, END) : NULL;

    if (!end)
        return NULL;
    *end = 0;
    *at = end + 1;
    return start;
}

static bool add_bind(char **at)
{
    struct bind *bind = &edf.binds[edf.count];

    if (edf.count++ >= MAX_MOUNTS)
        return false;
    bind->source = next_field(at);
    bind->target = next_field(at);
    bind->flags = next_field(at);
    bind->tree = -1;
    return bind->flags != NULL;
}

/* Everything but the variables, which each task reads for itself. False: not our resolver's. */
static bool read_fields(void)
{
    char *copy = strdup(edf.fields), *at = copy, *key;
    bool good = copy != NULL;

    while (good && (key = next_field(&at))) {
        char *value = NULL;

        if (!strcmp(key, "mount"))
            good = add_bind(&at);
        else if (!strcmp(key, "env"))
            good = next_field(&at) && next_field(&at);
        else if (!(value = next_field(&at)))
            good = false;
        else if (!strcmp(key, "image"))
            edf.image = value;
        else if (!strcmp(key, "workdir"))
            edf.workdir = value;
        else if (!strcmp(key, "writable"))
            edf.writable = *value == '1';
    }
    return good && edf.image; /* `copy` is kept: the fields point into it */
}

static bool has_flag(const char *flags, const char *wanted)
{
    size_t length = strlen(wanted);

    for (const char *at = flags; at; at = strchr(at, '+') ? strchr(at, '+') + 1 : NULL)
        if (!strncmp(at, wanted, length) && (at[length] == '+' || !at[length]))
            return true;
    return false;
}

/* ------------------------------------------------------------------ the container, in a child */

/* Say why, with the system's words where there are any, and give up. */
static bool refuse(const char *format, ...)
{
    int number = errno;
    va_list list;
    size_t length;

    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    length = strlen(message);
    if (number && length && message[length - 1] == ':')
        snprintf(message + length, sizeof message - length, " %s", strerror(number));
    return false;
}

static bool become(uid_t uid, gid_t gid)
{
    /* Towards root the user id goes first, away from it last. */
    if (uid == 0 && setresuid(-1, 0, -1))
        return refuse("cannot become root:");
    if (setresgid(-1, gid, -1))
        return refuse("cannot change the group:");
    if (uid != 0 && setresuid(-1, uid, -1))
        return refuse("cannot become the user:");
    return true;
}

/* A SquashFS file, opened already, mounted read-only at `target`. */
static bool mount_squashfs(int file, const char *name, const char *target, const char *device)
{
    struct loop_config config = {
        .fd = (unsigned)file,
        .info = {.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR},
    };
    char magic[4] = "";
    int control, loop = -1;

    errno = 0;
    if (pread(file, magic, 4, 0) != 4 || memcmp(magic, "hsqs", 4))
        return refuse("%s: not a SquashFS image", name);
    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", name);
    if ((control = open("/dev/loop-control", O_RDWR | O_CLOEXEC)) < 0)
        return refuse("no loop devices here: /dev/loop-control:");
    /* A free device may be taken by another step before it is configured: then the next one. */
    for (int attempt = 0; attempt < 64; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        unlink(device);
        if (number < 0 || mknod(device, S_IFBLK | 0600, makedev(7, number)))
            break;
        if ((loop = open(device, O_RDONLY | O_CLOEXEC)) < 0)
            break;
        if (!ioctl(loop, LOOP_CONFIGURE, &config))
            break;
        close(loop);
        loop = -1;
        if (errno != EBUSY)
            break;
        usleep(1000 * (attempt + 1));
    }
    close(control);
    if (loop < 0)
        return refuse("%s: no loop device to be had:", name);
    if (mount(device, target, "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL)) {
        refuse("%s: cannot be mounted as SquashFS:", name);
        close(loop);
        return false;
    }
    close(loop);
    return true;
}

static const struct {
    const char *flag;
    uint64_t set, propagation;
} MEANINGS[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},      {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"nodev", MOUNT_ATTR_NODEV, 0},    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"private", 0, MS_PRIVATE},        {"rprivate", 0, MS_PRIVATE},
    {"slave", 0, MS_SLAVE},            {"rslave", 0, MS_SLAVE},
    {"shared", 0, MS_SHARED},          {"rshared", 0, MS_SHARED},
};

static bool apply_flags(struct bind *bind)
{
    unsigned recursive = has_flag(bind->flags, "bind") ? 0 : AT_RECURSIVE;
    struct mount_attr attributes = {0};

    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++)
        if (has_flag(bind->flags, MEANINGS[i].flag)) {
            attributes.attr_set |= MEANINGS[i].set;
            attributes.propagation |= MEANINGS[i].propagation;
        }
    if (!attributes.attr_set && !attributes.propagation)
        return true;
    if (mount_setattr(bind->tree, "", AT_EMPTY_PATH | recursive, &attributes, sizeof attributes))
        return refuse("mount %s: flags %s:", bind->source, bind->flags);
    return true;
}

/* A source as a detached mount. The path is walked with the user's rights, not with root's. */
static bool take_source(struct bind *bind, int number, uid_t uid, gid_t gid)
{
    bool image = has_flag(bind->flags, "sqsh");
    unsigned recursive = has_flag(bind->flags, "bind") ? 0 : AT_RECURSIVE;
    char target[PATH_MAX], device[PATH_MAX];
    struct stat status;
    int source;

    if (!become(uid, gid))
        return false;
    source = open(bind->source, O_CLOEXEC | (image ? O_RDONLY : O_PATH));
    if (source < 0 || fstat(source, &status))
        return refuse("mount %s:", bind->source) || !become(0, 0);
    if (!become(0, 0))
        return false;
    if (image) {
        snprintf(target, sizeof target, "%s/s%d", scratch, number);
        snprintf(device, sizeof device, "%s/loop-s%d", scratch, number);
        if (mkdir(target, 0755))
            return refuse("%s:", target);
        if (!mount_squashfs(source, bind->source, target, device))
            return false;
        close(source);
        if ((source = open(target, O_PATH | O_CLOEXEC)) < 0)
            return refuse("%s:", target);
    }
    bind->directory = image || S_ISDIR(status.st_mode);
    bind->tree = open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
    close(source);
    return bind->tree < 0 ? refuse("mount %s:", bind->source) : apply_flags(bind);
}

/* The image with a tmpfs over it, at `root`: mount points can be made even where it is read-only. */
static bool stack_image(const char *root, uid_t uid, gid_t gid)
{
    char lower[PATH_MAX], upper[PATH_MAX], work[PATH_MAX], device[PATH_MAX], options[4 * PATH_MAX];
    int image;

    snprintf(lower, sizeof lower, "%s/lower", scratch);
    snprintf(upper, sizeof upper, "%s/upper", scratch);
    snprintf(work, sizeof work, "%s/work", scratch);
    snprintf(device, sizeof device, "%s/loop", scratch);
    if (mkdir(lower, 0755) || mkdir(upper, 0755) || mkdir(work, 0755) || mkdir(root, 0755))
        return refuse("%s:", scratch);
    if (!become(uid, gid))
        return false;
    if ((image = open(edf.image, O_RDONLY | O_CLOEXEC)) < 0)
        return refuse("image %s:", edf.image);
    if (!become(0, 0) || !mount_squashfs(image, edf.image, lower, device))
        return false;
    close(image);
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
    if (mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, options))
        return refuse("overlay over %s:", edf.image);
    return true;
}

static bool bind_system(const char *root)
{
    const char *places[] = {"/dev", "/proc", "/sys"};
    char target[PATH_MAX + 8];

    for (int i = 0; i < 3; i++) {
        snprintf(target, sizeof target, "%s%s", root, places[i]);
        mkdir(target, 0755);
        if (mount(places[i], target, NULL, MS_BIND | MS_REC, NULL))
            return refuse("%s in the container:", places[i]);
    }
    snprintf(target, sizeof target, "%s/tmp", root);
    if (!mkdir(target, 01777))
        chmod(target, 01777);
    return true;
}

/* From here on the container is all there is: symbolic links in it can't lead outside. */
static bool enter(const char *root)
{
    if (chdir(root) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
        return refuse("pivot_root:");
    return true;
}

/* mkdir -p of what leads to `path`, then `path` itself, a directory or an empty file. */
static bool make_target(const char *path, bool directory)
{
    char part[PATH_MAX];
    struct stat status;

    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0755) && errno != EEXIST)
            return refuse("mount target %s:", part);
        *slash = '/';
    }
    if (stat(path, &status) == 0) {
        errno = 0;
        if (S_ISDIR(status.st_mode) != directory)
            return refuse("mount target %s: is a %s in the image, its source is not", path,
                          directory ? "file" : "directory");
        return true;
    }
    if (directory ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0))
        return refuse("mount target %s:", path);
    return true;
}

static bool place_bind(struct bind *bind)
{
    if (!strcmp(bind->source, "umount")) {
        if (umount2(bind->target, MNT_DETACH))
            return refuse("umount:%s:", bind->target);
        return true;
    }
    if (!strcmp(bind->source, "tmpfs")) {
        if (!make_target(bind->target, true))
            return false;
        if (mount("tmpfs", bind->target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"))
            return refuse("tmpfs:%s:", bind->target);
        return true;
    }
    if (!make_target(bind->target, bind->directory))
        return false;
    if (move_mount(bind->tree, "", AT_FDCWD, bind->target, MOVE_MOUNT_F_EMPTY_PATH))
        return refuse("mount %s at %s:", bind->source, bind->target);
    return true;
}

/* A line of the host's passwd or group for the user, as enroot adds it: `id -un` works. */
static void introduce(uid_t uid, gid_t gid, const char *user, const char *home, const char *group)
{
    FILE *file;
    bool named = getpwuid(uid) != NULL, grouped = getgrgid(gid) != NULL;

    if (!named && (file = fopen("/etc/passwd", "a"))) {
        fprintf(file, "%s:x:%u:%u::%s:/bin/sh\n", user, uid, gid, home);
        fclose(file);
    }
    if (!grouped && (file = fopen("/etc/group", "a"))) {
        fprintf(file, "%s:x:%u:\n", group, gid);
        fclose(file);
    }
}

/* The image's own directory: enroot writes docker's WORKDIR to /etc/rc as `cd "DIR"`. */
static void image_workdir(char *to, size_t size)
{
    char line[PATH_MAX], *start;
    FILE *rc = fopen("/etc/rc", "r");

    snprintf(to, size, "/");
    while (rc && fgets(line, sizeof line, rc)) {
        if (strncmp(line, "cd ", 3))
            continue;
        start = line + 3;
        if (*start == '"' || *start == '\'')
            start[1 + strcspn(start + 1, (char[]){*start, 0})] = 0, start++;
        else
            start[strcspn(start, " \t\n;&")] = 0;
        if (*start == '/')
            snprintf(to, size, "%s", start);
    }
    if (rc)
        fclose(rc);
}

static bool finish(void)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    struct stat status;

    if (*edf.workdir && stat(edf.workdir, &status))
        return refuse("workdir %s in the container:", edf.workdir);
    if (!edf.writable && mount_setattr(AT_FDCWD, "/", 0, &read_only, sizeof read_only))
        return refuse("read-only root:");
    return true;
}

static bool build(uid_t uid, gid_t gid)
{
    char root[PATH_MAX], user[256] = "user", home[PATH_MAX] = "/", group[256] = "group";
    struct passwd *who = getpwuid(uid);
    struct group *which = getgrgid(gid);

    snprintf(root, sizeof root, "%s/root", scratch);
    snprintf(user, sizeof user, "%s", who ? who->pw_name : "user");
    snprintf(home, sizeof home, "%s", who ? who->pw_dir : "/");
    snprintf(group, sizeof group, "%s", which ? which->gr_name : "group");
    if (!become(0, 0))
        return false;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        return refuse("a mount namespace (slurmd must run as root):");
    if (mount("tmpfs", scratch, "tmpfs", 0, "mode=0755"))
        return refuse("%s:", scratch);
    if (!stack_image(root, uid, gid) || !bind_system(root))
        return false;
    for (int i = 0; i < edf.count; i++)
        if (strcmp(edf.binds[i].source, "tmpfs") && strcmp(edf.binds[i].source, "umount"))
            if (!take_source(&edf.binds[i], i, uid, gid))
                return false;
    if (!enter(root))
        return false;
    introduce(uid, gid, user, home, group);
    for (int i = 0; i < edf.count; i++)
        if (!place_bind(&edf.binds[i]))
            return false;
    return finish();
}

/* ------------------------------------------------------------------ the step, in slurmstepd */

/* In a child of slurmstepd: build, say so or why not, and stay until the namespace is held. */
static void be_builder(int answer, int hold, uid_t uid, gid_t gid)
{
    char byte;

    if (build(uid, gid))
        snprintf(message, sizeof message, "+");
    if (write(answer, message, strlen(message)) < 0)
        _exit(1);
    close(answer);
    while (read(hold, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static int hold_namespace(pid_t child)
{
    char path[64];
    uid_t user = geteuid();
    int fd;

    snprintf(path, sizeof path, "/proc/%d/ns/mnt", child);
    if (seteuid(0))
        return -1;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return seteuid(user) ? -1 : fd;
}

static int start_container(uid_t uid, gid_t gid)
{
    int answer[2], hold[2], status;
    pid_t child;
    ssize_t got;

    if (pipe2(answer, O_CLOEXEC) || pipe2(hold, O_CLOEXEC) || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        close(answer[0]);
        close(hold[1]);
        be_builder(answer[1], hold[0], uid, gid);
    }
    close(answer[1]);
    close(hold[0]);
    got = read_all(answer[0], message, sizeof message - 1);
    message[got < 0 ? 0 : got] = 0;
    if (!strcmp(message, "+"))
        container = hold_namespace(child);
    close(answer[0]);
    close(hold[1]);
    waitpid(child, &status, 0);
    return container < 0 ? -1 : 0;
}

/* A batch script (sbatch --environment) lies in slurmd's spool, which is not in the image. */
static bool bring_batch_script(spank_t sp)
{
    struct bind *bind = &edf.binds[edf.count];
    uint32_t step;
    int argc;
    char **argv, *end;

    if (spank_get_item(sp, S_JOB_STEPID, &step) || step != SLURM_BATCH_SCRIPT)
        return true;
    if (spank_get_item(sp, S_JOB_ARGV, &argc, &argv) || argc < 1 || edf.count >= MAX_MOUNTS)
        return false;
    if (!(bind->source = strdup(argv[0])) || !(end = strrchr(bind->source, '/')))
        return false;
    *end = 0;
    bind->target = bind->source;
    bind->flags = "ro";
    edf.count++;
    return true;
}

/* Once per node and step, as the user; tasks are forked after this. What fails here is told by
 * the first task: srun ends with 0 when this function fails. */
int slurm_spank_user_init(spank_t sp, int ac, char **av)
{
    uid_t uid;
    gid_t gid;

    if (!edf.name)
        return 0;
    failed = true;
    if (!(edf.fields = malloc(MAX_FIELDS + 1)) ||
        spank_getenv(sp, VARIABLE, edf.fields, MAX_FIELDS + 1) || !read_fields()) {
        snprintf(message, sizeof message, "it did not travel with the step (srun --export?)");
        return 0;
    }
    if (!*edf.image) {
        failed = false;
        return 0;
    }
    if (spank_get_item(sp, S_JOB_UID, &uid) || spank_get_item(sp, S_JOB_GID, &gid))
        return -1;
    failed = !bring_batch_script(sp) || start_container(uid, gid);
    return 0;
}

/* ------------------------------------------------------------------ a task */

/* The image's variables stand over the host's; enroot keeps them as NAME=VALUE lines. */
static void take_image_variables(spank_t sp)
{
    char *line = NULL, *equals;
    size_t size = 0;
    ssize_t length;
    FILE *file = fopen("/etc/environment", "r");

    while (file && (length = getline(&line, &size, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = 0;
        if (*line == '#' || !(equals = strchr(line, '=')) || equals == line)
            continue;
        *equals = 0;
        spank_setenv(sp, line, equals + 1, 1);
    }
    free(line);
    if (file)
        fclose(file);
}

/* The engine starts a login shell: PATH is what /etc/profile and ~/.profile make of it. */
static void take_login_path(spank_t sp)
{
    char home[PATH_MAX] = "", local[PATH_MAX + 16], path[2 * PATH_MAX];
    const char *base = geteuid() == 0 ? LOGIN_PATH_ROOT : LOGIN_PATH;

    spank_getenv(sp, "HOME", home, sizeof home);
    snprintf(local, sizeof local, "%s/.local/bin", home);
    if (*home && !access(local, X_OK))
        snprintf(path, sizeof path, "%s:%s", local, base);
    else
        snprintf(path, sizeof path, "%s", base);
    spank_setenv(sp, "PATH", path, 1);
}

/* The EDF's variables stand over everything. */
static void take_edf_variables(spank_t sp)
{
    char *at = edf.fields, *key, *name, *value;

    while ((key = next_field(&at))) {
        name = next_field(&at);
        if (!strcmp(key, "env") && (value = next_field(&at)))
            spank_setenv(sp, name, value, 1);
        else if (!strcmp(key, "unset"))
            spank_unsetenv(sp, name);
        else if (!strcmp(key, "mount"))
            next_field(&at), next_field(&at);
    }
}

/* Joining a mount namespace takes rights that the user hasn't: raised for that, then dropped. */
static bool raise_rights(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};

    if (syscall(SYS_capget, &header, data))
        return false;
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted;
    return !syscall(SYS_capset, &header, data);
}

static bool drop_rights(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {0};

    return !prctl(PR_SET_KEEPCAPS, 0) && (geteuid() == 0 || !syscall(SYS_capset, &header, none));
}

static int go_to_workdir(spank_t sp)
{
    char own[PATH_MAX];
    const char *workdir = *edf.workdir ? edf.workdir : own;

    image_workdir(own, sizeof own);
    if (chdir(workdir)) {
        slurm_error("--environment=%s: workdir %s: %m", edf.name, workdir);
        return -1;
    }
    spank_setenv(sp, "PWD", workdir, 1);
    return 0;
}

/* As root, before the task becomes the user. */
int slurm_spank_task_init_privileged(spank_t sp, int ac, char **av)
{
    return container < 0 ? 0 : prctl(PR_SET_KEEPCAPS, 1);
}

/* As the user, after Slurm has gone to the job's directory, which the image may not have. */
int slurm_spank_task_init(spank_t sp, int ac, char **av)
{
    int task = 0;

    spank_get_item(sp, S_TASK_ID, &task);
    if (failed) {
        if (task == 0)
            slurm_error("--environment=%s: %s", edf.name, *message ? message : "not possible");
        return -1;
    }
    if (container < 0)
        return 0;
    if (!raise_rights() || setns(container, CLONE_NEWNS) || !drop_rights()) {
        slurm_error("--environment=%s: the container cannot be joined: %m", edf.name);
        return -1;
    }
    take_image_variables(sp);
    take_login_path(sp);
    take_edf_variables(sp);
    spank_unsetenv(sp, VARIABLE);
    return go_to_workdir(sp);
}
