package config

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSockets(t *testing.T) {
	dir := write(t, map[string]string{"supervise.toml": `
[services.web]
command = "sh"
instances = 2
idle_stop = "5m"
[[services.web.sockets]]
listen = "tcp://127.0.0.1:808%i"
lazy = true
[[services.web.sockets]]
listen = "unix://run/%n.sock"
name = "%n-control"
mode = "0600"
user = "root"
group = 0
backlog = 5
[services.other]
command = "sh"
sockets = [
	{ listen = "tcp://[0:0::1]:8081" }, { listen = "tcp://127.0.0.2:8081", name = "two" }, { listen = "unix://@x%%y", name = "two" },
	{ listen = "tcp://[::]:53", v6only = true }, { listen = "tcp://0.0.0.0:53" }, { listen = "udp://[::]:53" }, { listen = "unixgram:///tmp/log" },
]
[services.shared]
command = "sh"
instances = 3
sockets = [{ listen = "udp://0.0.0.0:514", reuseport = true }]
`})
	if err := os.Mkdir(dir+"/run", 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir+"/supervise.toml")
	if len(cfg.Warnings) != 0 {
		t.Error(cfg.Warnings)
	}
	other, shared, web := cfg.Services[0], cfg.Services[3], cfg.Services[5]
	if diff := cmp.Diff([]Socket{
		{Network: "tcp", Address: "127.0.0.1:8082", Name: "web", Backlog: 4096, Mode: 0o660, Lazy: true},
		{Network: "unix", Address: dir + "/run/web@2.sock", Name: "web@2-control", Backlog: 5, Mode: 0o600, User: "root", Group: "0"},
	}, web.Sockets); diff != "" || web.IdleStop != 5*time.Minute {
		t.Errorf("%s (-want +got):\n%s", web.Name, diff)
	}
	var got []string
	for _, s := range append(other.Sockets, shared.Sockets...) {
		got = append(got, s.String()+" "+s.Name)
	}
	want := []string{"tcp://[::1]:8081 other", "tcp://127.0.0.2:8081 two", "unix://@x%y two", "tcp://[::]:53 other",
		"tcp://0.0.0.0:53 other", "udp://[::]:53 other", "unixgram:///tmp/log other", "udp://0.0.0.0:514 shared"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatASocketNeedsIsLookedFor(t *testing.T) {
	path := write(t, map[string]string{"s": `
[services.a]
command = "sh"
sockets = [{ listen = "unix:///no/such/dir/x", user = "no-such-user", group = "no-such-group" }]
`}) + "/s"
	cfg := load(t, path)
	for _, want := range []string{"the directory /no/such/dir is not there now", `no user called "no-such-user" now`, `no group called "no-such-group" now`} {
		if !strings.Contains(cfg.Warnings.Error(), want) {
			t.Errorf("no warning says %q: %s", want, cfg.Warnings)
		}
	}
}

func TestSocketsOfTheDefaultsAreEachServicesOwn(t *testing.T) {
	cfg := loadText(t, `
[defaults]
sockets = [{ listen = "unix://@%n" }]
[services.a]
command = "sh"
[services.b]
command = "sh"
[services.c]
command = "sh"
sockets = []
`)
	a, b, c := cfg.Services[0].Sockets, cfg.Services[1].Sockets, cfg.Services[2].Sockets
	if len(a) != 1 || a[0].Address != "@a" || a[0].Name != "a" || len(b) != 1 || b[0].Address != "@b" || len(c) != 0 {
		t.Errorf("%+v %+v %+v", a, b, c)
	}
}

func TestOverlaps(t *testing.T) {
	at := func(listen string) Socket {
		listen, v6only := strings.CutSuffix(listen, " v6only")
		listen, reuse := strings.CutSuffix(listen, " reuseport")
		network, address, err := parseListen(listen)
		if err != nil {
			t.Fatal(err)
		}
		return Socket{Network: network, Address: address, V6Only: v6only, ReusePort: reuse}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"tcp://127.0.0.1:1", "tcp://127.0.0.1:1", true},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2", false},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.2:1", false},
		{"tcp://127.0.0.1:1", "udp://127.0.0.1:1", false},
		{"tcp://127.0.0.1:1", "tcp://0.0.0.0:1", true},
		{"tcp://127.0.0.1:1", "tcp://[::]:1", true},
		{"tcp://127.0.0.1:1", "tcp://[::]:1 v6only", false},
		{"tcp://0.0.0.0:1", "tcp://[::]:1", true},
		{"tcp://0.0.0.0:1", "tcp://[::]:1 v6only", false},
		{"tcp://0.0.0.0:1", "tcp://[::1]:1", false},
		{"tcp://[::1]:1", "tcp://[::]:1 v6only", true},
		{"tcp://[::1]:1", "tcp://127.0.0.1:1", false},
		{"udp://127.0.0.1:1 reuseport", "udp://127.0.0.1:1 reuseport", false},
		{"udp://127.0.0.1:1 reuseport", "udp://127.0.0.1:1", true},
		{"unix:///a", "unix:///a", true},
		{"unix:///a", "unixgram:///a", true},
		{"unix:///a", "unix:///b", false},
		{"unix://@a", "unix://@a", true},
		{"unix://@a", "unixgram://@a", false},
		{"unix://@tcp", "tcp://127.0.0.1:1", false},
	} {
		if a, b := at(c.a), at(c.b); a.Overlaps(b) != c.want || b.Overlaps(a) != c.want {
			t.Errorf("%s and %s: want %t", a, b, c.want)
		}
	}
}

func TestTheDescriptorForReadinessIsNoSocket(t *testing.T) {
	for fd, wrong := range map[int]bool{1: false, 3: true, 4: true, 5: false} {
		d := newDraft("a", "a", 0, Daemon, Position{File: "f", Line: 1}, "services.a")
		d.Ready = &Probe{Kind: ProbeFD, FD: fd}
		d.sockets = []*socket{{}, {}}
		r := &report{}
		d.finishSockets(r)
		if got := strings.Contains(r.errors.Error(), "3 to 4 are; write fd = 5, or more"); got != wrong || len(r.errors) > 1 {
			t.Errorf("fd = %d: %v", fd, r.errors)
		}
	}
}

// FuzzParseListen wants any text to be refused, or to be an address that reads
// as itself.
func FuzzParseListen(f *testing.F) {
	for _, s := range []string{"tcp://127.0.0.1:80", "udp://[::1]:53", "tcp://[fe80::1%eth0]:1", "unix:///run/x", "unix://@x", "unixgram://x", "tcp://:0", "://", "[::]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, listen string) {
		network, address, err := parseListen(listen)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		s := Socket{Network: network, Address: address}
		if again, same, err := parseListen(s.String()); again != network || same != address || err != nil {
			t.Fatalf("%q became %s, and that %s://%s, %v", listen, s, again, same, err)
		}
		if !strings.HasPrefix(network, "unix") {
			if p, err := netip.ParseAddrPort(address); err != nil || p.Port() == 0 {
				t.Fatalf("%q became %s", listen, s)
			}
		}
		if !s.Overlaps(s) {
			t.Fatalf("%s can be listened on twice", s)
		}
	})
}
