package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// podman runs containers with podman and runc. All that it keeps is below the
// directory of the tests, and its locks are files there: it sees no other
// containers, and those who run some do not see ours.
type podman struct{}

func (podman) name() string { return "podman" }

const podmanConf = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "none"
netns = "none"
[engine]
lock_type = "file"
cgroup_manager = "cgroupfs"
events_logger = "none"
`

// podmanHome makes the directory once.
var podmanHome = sync.OnceValue(func() string {
	dir := filepath.Join(stageDir, "podman")
	if err := os.Mkdir(dir, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "containers.conf"), []byte(podmanConf), 0o644); err != nil {
		panic(err)
	}
	return dir
})

// storage are the flags that podman and buildah share.
func storage() []string {
	home := podmanHome()
	return []string{"--root", filepath.Join(home, "root"), "--runroot", filepath.Join(home, "run"), "--storage-driver", "vfs"}
}

func (podman) call(args ...string) *exec.Cmd {
	home := podmanHome()
	flags := append(storage(), "--tmpdir", filepath.Join(home, "tmp"), "--runtime", lookPath("runc"))
	cmd := exec.Command("podman", append(flags, args...)...)
	cmd.Dir = home // conmon writes that memory ran out into a file in its own
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(home, "containers.conf"))
	return cmd
}

func lookPath(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return name
	}
	return path
}

// flags are those of `podman run` for a container.
func (podman) flags(c *container) []string {
	flags := []string{"run", "--rm", "--interactive", "--name", c.id, "--cgroup-parent", "/" + c.id,
		"--env", stageVariable + "=" + stageDir}
	when := func(is bool, more ...string) {
		if is {
			flags = append(flags, more...)
		}
	}
	when(c.readOnly, "--read-only", "--read-only-tmpfs=false")
	for _, dir := range c.writable {
		flags = append(flags, "--tmpfs", dir)
	}
	for _, e := range c.env {
		flags = append(flags, "--env", e)
	}
	user := strconv.Itoa(c.user)
	when(c.user != 0, "--user", user+":"+user)
	when(c.stripped, "--cap-drop", "all")
	when(c.noGain, "--security-opt", "no-new-privileges")
	when(c.memory > 0, "--memory", strconv.Itoa(c.memory))
	when(c.pids > 0, "--pids-limit", strconv.Itoa(c.pids))
	when(c.ownUsers, "--uidmap", usersMap(), "--gidmap", usersMap())
	when(c.terminal, "--tty")
	return flags
}

// usersMap maps the ids of a user namespace to some that nobody has.
func usersMap() string { return fmt.Sprintf("0:%d:%d", firstUser, users) }

const (
	firstUser = 1_700_000_000
	users     = 70_000
)

func (p podman) command(c *container) *exec.Cmd {
	return p.call(slices.Concat(p.flags(c), []string{"--rootfs", c.root}, c.args)...)
}

func (p podman) exec(c *container, args []string) *exec.Cmd {
	return p.call(append([]string{"exec", c.id}, args...)...)
}

func (p podman) stop(c *container, grace time.Duration) error {
	return withOutput(bounded(p.call("stop", "--time", strconv.Itoa(int(grace.Seconds())), c.id)))
}

func (p podman) remove(c *container) {
	_, _ = bounded(p.call("rm", "--force", "--time", "0", "--ignore", c.id))
	removeGroups(c.id)
}
