package systemd

import (
	"path"
	"strings"

	"supervise/internal/imports"
)

// directories makes a task of the directories that systemd makes before a start.
func (u *unit) directories(doc *imports.Document, s *imports.Service) {
	var calls []string
	for _, kind := range []struct{ name, base, variable string }{
		{"RuntimeDirectory", "/run", "RUNTIME_DIRECTORY"},
		{"StateDirectory", "/var/lib", "STATE_DIRECTORY"},
		{"CacheDirectory", "/var/cache", "CACHE_DIRECTORY"},
		{"LogsDirectory", "/var/log", "LOGS_DIRECTORY"},
		{"ConfigurationDirectory", "/etc", "CONFIGURATION_DIRECTORY"},
	} {
		mode, _ := u.text(kind.name + "Mode")
		if mode == "" {
			mode = "0755"
		}
		var paths []string
		for _, one := range u.own.list(kind.name) {
			for _, dir := range strings.Fields(u.expand(one, one.Value)) {
				dir, link, linked := strings.Cut(dir, ":")
				if linked {
					lost(s, "", one, "the link "+link+" is not made", "")
				}
				if dir = path.Clean(dir); path.IsAbs(dir) || strings.HasPrefix(dir, "..") {
					lost(s, "", one, dir+" is not below "+kind.base, "")
					continue
				}
				paths = append(paths, path.Join(kind.base, dir))
			}
		}
		if len(paths) == 0 {
			continue
		}
		s.SetEnv(kind.variable, strings.Join(paths, ":"))
		calls = append(calls, u.install1(mode, paths))
		if preserve, _ := u.text("RuntimeDirectoryPreserve"); kind.name == "RuntimeDirectory" && preserve != "yes" {
			one, _ := u.own.last(kind.name)
			differs(s, "", one, "it is made before the service, and stays after it", "")
		}
	}
	u.own.take("RuntimeDirectoryPreserve")
	if len(calls) == 0 {
		return
	}
	task := doc.Add(strings.ReplaceAll(s.Name, "@", "-") + "-directories")
	task.About = []string{"What systemd makes before " + s.Name + " starts."}
	task.Set("command", strings.Join(calls, " && "))
	task.Set("shell", true)
	task.Set("kind", "task")
	s.Needs = append(s.Needs, imports.Edge{To: task})
}

// install1 is a call of install(1) that makes directories for the service's user.
func (u *unit) install1(mode string, paths []string) string {
	words := []string{"install", "-d", "-m", mode}
	if user, _ := u.text("User"); user != "" {
		words = append(words, "-o", user)
	}
	if group, _ := u.text("Group"); group != "" {
		words = append(words, "-g", group)
	}
	for i, w := range append(words, paths...) {
		if i < len(words) {
			words[i] = imports.ShellQuote(w)
		} else {
			words = append(words, imports.ShellQuote(w))
		}
	}
	return strings.Join(words, " ")
}
