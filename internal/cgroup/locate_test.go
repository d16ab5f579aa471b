package cgroup

import (
	"path/filepath"
	"strings"
	"testing"
)

// Lines of /proc/self/mountinfo as machines have them.
const (
	pureV2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
	hybridTmp  = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	hybridV1   = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:14 - cgroup cgroup rw,cpu,cpuacct\n"
	hybridSys  = "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
	hybridV2   = "41 31 0:38 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:11 - cgroup2 cgroup2 rw,nsdelegate\n"
	rootMount  = "23 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard\n"
	procMount  = "24 23 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw\n"
	dockerV2   = "1021 1020 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n"
	bindOfPart = "700 650 0:26 /system.slice/docker-4e03.scope /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
	fromAbove  = "700 650 0:26 /../.. /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw\n"
	sibling    = "700 650 0:26 /../other /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw\n"
	withBlanks = `50 23 0:26 / /mnt/c\040g\134x\011\012 rw master:3 propagate_from:2 - cgroup2 none rw` + "\n"
)

func TestLocate(t *testing.T) {
	for name, c := range map[string]struct {
		mounts, groups string
		want           string // "" means an error
		says           string // what is in the error
	}{
		"pure v2": {rootMount + procMount + pureV2, "0::/user.slice/user-1000.slice/session-3.scope\n",
			"/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope", ""},
		"pure v2, in the root": {pureV2, "0::/\n", "/sys/fs/cgroup", ""},
		"hybrid": {rootMount + hybridTmp + hybridV1 + hybridSys + hybridV2,
			"9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/system.slice/x.service\n", "/sys/fs/cgroup/unified/system.slice/x.service", ""},
		"v1 alone":             {rootMount + hybridTmp + hybridV1, "1:cpu,cpuacct:/\n", "", "no cgroup v2 hierarchy is mounted"},
		"no mounts":            {"", "0::/\n", "", "no cgroup v2 hierarchy is mounted"},
		"in no v2 group":       {pureV2, "1:cpu:/\n", "", "we are in no cgroup v2"},
		"container, namespace": {dockerV2, "0::/\n", "/sys/fs/cgroup", ""},
		"container, part of the host's": {bindOfPart, "0::/system.slice/docker-4e03.scope/init\n",
			"/sys/fs/cgroup/init", ""},
		"container, exactly that part":    {bindOfPart, "0::/system.slice/docker-4e03.scope\n", "/sys/fs/cgroup", ""},
		"container, another part":         {bindOfPart, "0::/system.slice/ssh.service\n", "", "is not below"},
		"container, a name that begins":   {bindOfPart, "0::/system.slice/docker-4e03.scopes\n", "", "is not below"},
		"mount from above the namespace":  {fromAbove, "0::/\n", "", "is not below"},
		"the same, deeper":                {fromAbove, "0::/a/b\n", "", "is not below"},
		"mount of a sibling":              {sibling, "0::/other\n", "", "is not below"},
		"we are outside our namespace":    {pureV2, "0::/../elsewhere\n", "", "is not below"},
		"we are above our namespace":      {pureV2, "0::/..\n", "", "is not below"},
		"a name that begins with dots":    {pureV2, "0::/..hidden/...\n", "/sys/fs/cgroup/..hidden/...", ""},
		"blanks in the mount point":       {withBlanks, "0::/a b\n", "/mnt/c g\\x\t\n/a b", ""},
		"a path with a colon":             {pureV2, "0::/a:b::c\n", "/sys/fs/cgroup/a:b::c", ""},
		"no newline at the end":           {pureV2, "0::/a", "/sys/fs/cgroup/a", ""},
		"type in the wrong place":         {strings.Replace(rootMount, "ext4", "cgroup3", 1), "0::/\n", "", "no cgroup v2"},
		"a mount point named like a type": {"23 1 254:1 / /cgroup2 rw - ext4 cgroup2 rw\n", "0::/\n", "", "no cgroup v2"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := locate(c.mounts, c.groups)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %q, want %q in it", err, c.says)
			}
		})
	}
}

func TestEscapeGivesEveryNameADirectoryOfItsOwn(t *testing.T) {
	for name, want := range map[string]string{
		"web": "s.web", "web@2": "s.web@2", "a/b": "s.a%2fb", "a%2fb": "s.a%252fb", ".": "s.%2e", "..": "s.%2e%2e",
		"": "s.", "cgroup.procs": "s.cgroup%2eprocs", "a b": "s.a b",
	} {
		if got := escape(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("web", "web@2")
	f.Add("a/b", "a%2fb")
	f.Add("..", "%2e.")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsAny(escape(a), "/") || escape(a) == ".." {
			t.Errorf("%q leaves its directory", a)
		}
		if a != b && escape(a) == escape(b) {
			t.Errorf("%q and %q share %q", a, b, escape(a))
		}
	})
}

func FuzzLocate(f *testing.F) {
	for _, m := range []string{pureV2, hybridTmp + hybridV1 + hybridV2, bindOfPart, fromAbove, sibling, withBlanks, " - cgroup2 ", "a b c d e - cgroup2 x"} {
		f.Add(m, "0::/a/b\n")
		f.Add(m, "1:x:/\n0::/../x\n")
	}
	f.Fuzz(func(t *testing.T, mounts, groups string) {
		dir, err := locate(mounts, groups)
		if err != nil {
			if dir != "" {
				t.Errorf("an error came with %q", dir)
			}
			return
		}
		if _, point := mountOf(mounts); !strings.HasPrefix(dir, strings.TrimSuffix(filepath.Clean(point), "/")) {
			t.Errorf("%q is not below the mount point %q", dir, point)
		}
	})
}
