package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runc runs containers with runc alone, without an engine above it.
type runc struct{}

func (runc) name() string { return "runc" }

func (runc) call(args ...string) *exec.Cmd {
	return exec.Command("runc", append([]string{"--root", filepath.Join(stageDir, "runc")}, args...)...)
}

// object is a part of config.json:
// https://github.com/opencontainers/runtime-spec/blob/main/config.md
type object = map[string]any

// dockerCapabilities are those that Docker and podman leave a container.
var dockerCapabilities = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
	"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}

func (r runc) command(c *container) *exec.Cmd {
	capabilities := dockerCapabilities
	if c.stripped {
		capabilities = []string{}
	}
	effective := capabilities
	if c.user != 0 {
		effective = []string{}
	}
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755", "size=64k"}},
		{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
	}
	for _, dir := range c.writable {
		mounts = append(mounts, object{"destination": dir, "type": "tmpfs", "source": "tmpfs", "options": []string{"mode=1777"}})
	}
	namespaces := []object{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "network"}}
	linux := object{"cgroupsPath": "/" + c.id}
	if c.ownUsers {
		namespaces = append(namespaces, object{"type": "user"})
		ids := []object{{"containerID": 0, "hostID": firstUser, "size": users}}
		linux["uidMappings"], linux["gidMappings"] = ids, ids
	}
	linux["namespaces"] = namespaces
	resources := object{}
	if c.memory > 0 {
		resources["memory"] = object{"limit": c.memory}
	}
	if c.pids > 0 {
		resources["pids"] = object{"limit": c.pids}
	}
	linux["resources"] = resources
	if c.seccomp {
		linux["seccomp"] = defaultSeccomp(capabilities)
	}
	config := object{
		"ociVersion": "1.0.2",
		"process": object{
			"terminal":        c.terminal,
			"user":            object{"uid": c.user, "gid": c.user},
			"args":            c.args,
			"env":             environment(c.box),
			"cwd":             "/",
			"capabilities":    object{"bounding": capabilities, "permitted": effective, "effective": effective},
			"noNewPrivileges": c.noGain,
		},
		"root":   object{"path": c.root, "readonly": c.readOnly},
		"mounts": mounts,
		"linux":  linux,
	}
	text, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	bundle := c.root + ".bundle"
	if err := os.Mkdir(bundle, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o644); err != nil {
		panic(err)
	}
	return r.call("run", "--bundle", bundle, c.id)
}

// defaultSeccomp is the profile that podman and Docker use, in the form that
// runc takes: theirs has rules that depend on the architecture and on capabilities.
func defaultSeccomp(capabilities []string) any {
	text, err := os.ReadFile("/usr/share/containers/seccomp.json")
	if err != nil { // it comes with podman; without it, what hurts most
		return object{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []object{
			{"names": []string{"clone3"}, "action": "SCMP_ACT_ERRNO", "errnoRet": int(unix.ENOSYS)}}}
	}
	type conditions struct{ Caps, Arches []string }
	var profile struct {
		DefaultAction   string
		DefaultErrnoRet *int
		Syscalls        []struct {
			Names              []string
			Action             string
			ErrnoRet           *int
			Args               []object
			Includes, Excludes conditions
		}
	}
	if err := json.Unmarshal(text, &profile); err != nil {
		panic(err)
	}
	holds := func(c string) bool { return slices.Contains(capabilities, c) }
	arch := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[machine()]
	var rules []object
	for _, s := range profile.Syscalls {
		if len(s.Includes.Caps) > 0 && !slices.ContainsFunc(s.Includes.Caps, holds) || slices.ContainsFunc(s.Excludes.Caps, holds) ||
			len(s.Includes.Arches) > 0 && !slices.Contains(s.Includes.Arches, arch) || slices.Contains(s.Excludes.Arches, arch) {
			continue
		}
		rule := object{"names": s.Names, "action": s.Action}
		if s.ErrnoRet != nil && s.Action == "SCMP_ACT_ERRNO" {
			rule["errnoRet"] = *s.ErrnoRet
		}
		if len(s.Args) > 0 {
			rule["args"] = s.Args
		}
		rules = append(rules, rule)
	}
	seccomp := object{"defaultAction": profile.DefaultAction, "syscalls": rules}
	if profile.DefaultErrnoRet != nil {
		seccomp["defaultErrnoRet"] = *profile.DefaultErrnoRet
	}
	return seccomp
}

// machine is the name of the architecture, as uname(1) has it.
func machine() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

func (r runc) exec(c *container, args []string) *exec.Cmd {
	return r.call(append([]string{"exec", c.id}, args...)...)
}

// stop does what engines do.
func (r runc) stop(c *container, grace time.Duration) error {
	if err := withOutput(bounded(r.call("kill", c.id, "TERM"))); err != nil {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(grace):
	}
	out, err := bounded(r.call("kill", c.id, "KILL"))
	if err != nil && strings.Contains(out, "process already finished") {
		return nil
	}
	return withOutput(out, err)
}

func (r runc) remove(c *container) {
	_, _ = bounded(r.call("delete", "--force", c.id))
	removeGroups(c.id)
}
