package systemd

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/signals"
)

// makeSockets gives the sockets of a socket unit to its service.
func (u *unit) makeSockets(doc *imports.Document, units []*unit) {
	wanted := strings.TrimSuffix(u.name, ".socket") + ".service"
	if name, _ := u.text("Service"); name != "" {
		wanted = name
	}
	u.unit.take("Description", "Documentation")
	i := slices.IndexFunc(units, func(other *unit) bool { return other.isCalled(wanted) && other.service != nil })
	if i < 0 {
		u.own.all, u.unit.all = nil, nil
		doc.Lost(config.Position{File: u.file}, u.name, "its service "+wanted+" is not imported", "import both together")
		return
	}
	s := units[i].service
	u.service = s
	if one, yes := u.yes("Accept"); yes {
		u.own.all, u.unit.all = nil, nil
		lost(s, "", one, "supervise starts no process for each connection, as inetd did", "let the program accept connections itself")
		return
	}
	options := u.socketOptions(s)
	// Enabled is the socket, and not the service: it is the first client that starts it.
	lazy := len(u.install.all) > 0 && len(units[i].install.all) == 0 && !s.Has("kind")
	if lazy {
		options = append(options, imports.Field{Key: "lazy", Value: true})
	}
	for _, kind := range []struct{ setting, ip, unix string }{{"ListenStream", "tcp", "unix"}, {"ListenDatagram", "udp", "unixgram"}} {
		for _, one := range u.own.list(kind.setting) {
			socket, why := listen(u.expand(one, one.Value), kind.ip, kind.unix)
			if why != "" {
				lost(s, "", one, why, "")
				continue
			}
			fields := slices.DeleteFunc(slices.Clone(options), func(f imports.Field) bool { return !fits(socket, f.Key) })
			socket.V6Only = slices.ContainsFunc(fields, func(f imports.Field) bool { return f.Key == "v6only" })
			socket.ReusePort = slices.ContainsFunc(fields, func(f imports.Field) bool { return f.Key == "reuseport" })
			s.Sockets = append(s.Sockets, imports.Socket{Socket: socket, At: one.At, Written: one.String(), Fields: fields})
		}
	}
}

// socketOptions are the keys of all its sockets, beside listen.
func (u *unit) socketOptions(s *imports.Service) []imports.Field {
	var fields []imports.Field
	set := func(key string, value any) { fields = append(fields, imports.Field{Key: key, Value: value}) }
	name, one := u.text("FileDescriptorName")
	if name == "" {
		name = u.name // see systemd.socket(5)
	}
	if len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ':' }) {
		lost(s, "", one, "cannot be the name of a socket", "")
	} else {
		set("name", name)
	}
	mode := "0666"
	if text, one := u.text("SocketMode"); text != "" {
		if v, err := strconv.ParseUint(text, 8, 32); err == nil && v <= 0o777 {
			mode = "0" + strconv.FormatUint(v, 8)
		} else {
			lost(s, "", one, "are no permissions", "")
		}
	}
	set("mode", mode)
	if user, _ := u.text("SocketUser"); user != "" {
		set("user", user)
	}
	if group, _ := u.text("SocketGroup"); group != "" {
		set("group", group)
	}
	if text, one := u.text("Backlog"); text != "" {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil && n >= 1 {
			set("backlog", int(min(n, 1<<20)))
		} else {
			lost(s, "", one, "is no number of connections", "")
		}
	}
	if _, yes := u.yes("ReusePort"); yes {
		set("reuseport", true)
	}
	if text, _ := u.text("BindIPv6Only"); text == "ipv6-only" {
		set("v6only", true)
	}
	u.own.take("RemoveOnStop", "Symlinks")
	return fields
}

// fits says whether a key means something for a socket.
func fits(s config.Socket, key string) bool {
	switch key {
	case "mode", "user", "group":
		return s.HasPath()
	case "backlog":
		return !s.Datagram()
	case "reuseport":
		return !strings.HasPrefix(s.Network, "unix")
	case "v6only":
		return strings.HasPrefix(s.Address, "[::]:")
	}
	return true
}

// listen reads an address as systemd.socket(5) has it: a path, @name, a port,
// or an address with a port.
func listen(text, ip, unix string) (s config.Socket, why string) {
	switch {
	case strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@"):
		if s = (config.Socket{Network: unix, Address: text}); text[0] == '/' {
			s.Address = path.Clean(text)
		}
	case !strings.Contains(text, ":"):
		s = config.Socket{Network: ip, Address: "[::]:" + text}
	default:
		s = config.Socket{Network: ip, Address: text}
	}
	address, err := config.CheckListen(s.String())
	if err != nil {
		return s, err.Error()
	}
	return address, ""
}

// lastWords are the reasons why whole families of settings are not carried over.
func lastWords(name string) (why, instead string) {
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	switch {
	case has("Private", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "BindPaths", "BindReadOnly", "TemporaryFileSystem", "ExecPaths", "NoExecPaths",
		"Restrict", "SystemCall", "MemoryDenyWriteExecute", "LockPersonality", "Capability", "AmbientCapabilities", "Root", "MountAPIVFS", "MountFlags", "Mount",
		"ProcSubset", "RemoveIPC", "SecureBits", "AppArmor", "SELinux", "Smack", "KeyringMode", "Personality", "NetworkNamespacePath", "IPCNamespacePath", "DynamicUser", "Extension"):
		return "supervise builds no sandbox", "run supervise itself in a container or a unit that has it"
	case has("CPU", "Memory", "Tasks", "IO", "BlockIO", "StartupCPU", "Slice", "Delegate", "IPAddress", "IPIngress", "IPEgress", "SocketBind", "Device", "ManagedOOM", "DisableControllers", "NUMA"):
		return "supervise limits no cgroups", "limit that of supervise, by its own unit or container"
	case has("Condition", "Assert"):
		return "supervise asks for no conditions before a start", "check it in start.before"
	case has("OnFailure", "OnSuccess"):
		return "no other service is started by an end", "supervise events -f tells of it"
	case has("Log", "Syslog"):
		return "it is about the journal, and output goes to the console or to files here", ""
	case has("TTY", "Utmp", "StandardInput"):
		return "a service has no terminal but one of its own", "pty = true"
	case has("LoadCredential", "SetCredential", "ImportCredential"):
		return "supervise keeps no credentials", "give it the file"
	}
	return "supervise has nothing like it", ""
}

// leftovers tells of all settings that nobody has asked for.
func (u *unit) leftovers(doc *imports.Document) {
	u.unit.take("Description", "Documentation", "DefaultDependencies", "IgnoreOnIsolate", "RefuseManualStart", "RefuseManualStop", "CollectMode", "AllowIsolate", "StopWhenUnneeded", "JobTimeoutSec")
	u.install.take("WantedBy", "RequiredBy", "Alias", "Also", "DefaultInstance", "UpheldBy")
	for _, from := range []*settings{&u.unit, &u.own, &u.install} {
		for _, one := range from.rest() {
			if strings.HasPrefix(one.Name, "X-") || u.service == nil && u.kind() == "service" {
				continue
			}
			why, instead := lastWords(one.Name)
			if u.service == nil {
				doc.Lost(one.At, one.String(), why, instead)
				continue
			}
			table := ""
			if one.Name == "RestartKillSignal" || one.Name == "WatchdogSignal" {
				table, why, instead = "stop", "the ladder is the same for each stop", ""
				if sig, err := signals.Parse(one.Value); err == nil && one.Name == "WatchdogSignal" && sig == signals.ABRT {
					continue
				}
			}
			lost(u.service, table, one, why, instead)
		}
	}
}
