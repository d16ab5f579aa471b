package systemd

import (
	"path"
	"strconv"
	"strings"

	"supervise/internal/imports"
	"supervise/internal/unitfile"
)

// surroundings carries over in what surroundings the program runs.
func (u *unit) surroundings(s *imports.Service) {
	user, _ := u.text("User")
	if user != "" {
		s.Set("user", user)
	}
	if group, _ := u.text("Group"); group != "" {
		s.Set("group", group)
	}
	u.groups(s)
	u.directory(s, user)
	u.environment(s)
	if text, one := u.text("UMask"); text != "" {
		if v, err := strconv.ParseUint(text, 8, 32); err == nil && v <= 0o777 {
			s.Set("umask", "0"+strconv.FormatUint(v, 8))
		} else {
			lost(s, "", one, "is no umask", "")
		}
	}
	u.number(s, "Nice", "nice", -20, 19)
	u.number(s, "OOMScoreAdjust", "oom_score_adj", -1000, 1000)
	u.limits(s)
	if _, yes := u.yes("NoNewPrivileges"); yes {
		s.Set("no_new_privs", true)
	}
	if one, yes := u.yes("DynamicUser"); yes && user == "" {
		lost(s, "", one, "supervise makes no users", "make one, and write user")
	}
	if text, one := u.text("SuccessAction"); text != "" {
		u.action(s, one, text)
	}
	for _, name := range []string{"SuccessAction", "FailureAction"} {
		if one, ok := u.unit.last(name); ok && one.Value != "none" {
			u.action(s, one, one.Value)
		}
	}
}

// action is what systemd does when the unit has ended.
func (u *unit) action(s *imports.Service, one unitfile.Setting, action string) {
	if action == "exit" || action == "exit-force" {
		s.Set("critical", true)
		return
	}
	lost(s, "", one, "supervise ends no machine", "critical = true ends supervise")
}

// number carries an integer over.
func (u *unit) number(s *imports.Service, name, key string, least, most int) {
	text, one := u.text(name)
	if text == "" {
		return
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < least || v > most {
		lost(s, "", one, "is no number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most), "")
		return
	}
	s.Set(key, v)
}

func (u *unit) groups(s *imports.Service) {
	var groups []string
	for _, one := range u.own.list("SupplementaryGroups") {
		groups = append(groups, strings.Fields(u.expand(one, one.Value))...)
	}
	if len(groups) == 0 {
		return
	}
	s.Set("groups", groups)
	one, _ := u.own.last("SupplementaryGroups")
	differs(s, "", one, "these are all of its groups, not those of its user and these", "add the others")
}

func (u *unit) directory(s *imports.Service, user string) {
	text, one := u.text("WorkingDirectory")
	if dir, optional := strings.CutPrefix(text, "-"); optional {
		text = dir
		differs(s, "", one, "without the directory the service does not start", "")
	}
	if text == "~" {
		home, ok := u.world.Home(user)
		if !ok {
			lost(s, "", one, "the home directory of the user is not known here", "write it as dir")
			return
		}
		text = home
	}
	switch {
	case text == "":
		s.Set("dir", "/")
	case !path.IsAbs(text):
		lost(s, "", one, "is not absolute", "")
	default:
		s.Set("dir", path.Clean(text))
	}
}

func (u *unit) environment(s *imports.Service) {
	u.own.take("PassEnvironment") // all of ours is passed on
	for _, one := range u.own.list("Environment") {
		for _, word := range u.words(s, one) {
			name, value, found := strings.Cut(word, "=")
			if !found || name == "" {
				lost(s, "", one, strconv.Quote(word)+" is no NAME=value", "")
				continue
			}
			s.SetEnv(name, value)
		}
	}
	var files []string
	for _, one := range u.own.list("EnvironmentFile") {
		file := u.expand(one, one.Value)
		bare := strings.TrimPrefix(file, "-")
		switch {
		case !path.IsAbs(bare):
			lost(s, "", one, "is not absolute", "")
		case strings.ContainsAny(bare, "*?["):
			lost(s, "", one, "env_file has no patterns", "list the files")
		default:
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return
	}
	s.Set("env_file", files)
	for _, one := range u.own.list("Environment") {
		differs(s, "", one, "env goes before env_file here, and after it in systemd", "take those out of env that a file is to change")
		break
	}
}

// limits carries over LimitNOFILE and the like.
func (u *unit) limits(s *imports.Service) {
	for _, name := range []string{"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NOFILE", "AS", "NPROC", "MEMLOCK", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"} {
		text, one := u.text("Limit" + name)
		if text == "" {
			continue
		}
		soft, hard, both := strings.Cut(text, ":")
		low, okLow := limit(name, soft)
		high, okHigh := limit(name, hard)
		if !both {
			high, okHigh = low, okLow
		}
		if !okLow || !okHigh || !inOrder(low, high) {
			lost(s, "", one, "is no limit that supervise can set", "")
			continue
		}
		if low != high {
			low += ":" + high
		}
		s.Set("limits."+strings.ToLower(name), low)
	}
}

// limit gives one side of a limit as a configuration writes it.
func limit(name, text string) (string, bool) {
	if text == "infinity" {
		return "unlimited", true
	}
	switch name {
	case "CPU", "RTTIME":
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			return text, true // seconds, microseconds
		}
		d, forever, err := unitfile.Time(text)
		if name == "CPU" {
			return strconv.FormatInt(int64(d.Seconds()), 10), err == nil && !forever
		}
		return strconv.FormatInt(d.Microseconds(), 10), err == nil && !forever
	case "FSIZE", "DATA", "STACK", "CORE", "RSS", "AS", "MEMLOCK", "MSGQUEUE":
		v, err := unitfile.Size(text)
		return strconv.FormatUint(v, 10), err == nil
	}
	v, err := strconv.ParseUint(text, 10, 64)
	return strconv.FormatUint(v, 10), err == nil
}

func inOrder(low, high string) bool {
	a, errA := strconv.ParseUint(low, 10, 64)
	b, errB := strconv.ParseUint(high, 10, 64)
	return errB != nil || errA == nil && a <= b
}

// output carries over where output goes. The journal becomes the console.
func (u *unit) output(s *imports.Service) {
	u.own.take("SyslogIdentifier", "SyslogLevelPrefix")
	out, at := u.text("StandardOutput")
	errs, atErrs := u.text("StandardError")
	file, isFile := fileOf(out)
	switch {
	case isFile && !path.IsAbs(file):
		lost(s, "log", at, "is not absolute", "")
		isFile = false
	case isFile && path.Clean(file) == "/":
		lost(s, "log", at, "is no file", "")
		isFile = false
	case isFile:
		s.Log.Path = path.Clean(file)
		s.Log.Fields = append(s.Log.Fields, imports.Field{Key: "max_size", Value: 0})
		if strings.HasPrefix(out, "truncate:") {
			differs(s, "log", at, "the file is appended to", "")
		}
	case out == "null":
		s.Set("log.to", "none")
	case out != "" && !isJournal(out):
		lost(s, "log", at, "supervise has no such output", "")
	}
	errFile, isErrFile := fileOf(errs)
	switch {
	case errs == "" || errs == "inherit" || errs == out, !isFile && out != "null" && isJournal(errs):
	case isFile && isErrFile:
		s.Log.Errors = true
		differs(s, "log", atErrs, "standard error goes to "+s.Log.Path+".err, not to "+errFile, "")
	default:
		lost(s, "log", atErrs, "standard error goes where standard output goes", "")
	}
	if in, one := u.text("StandardInput"); in != "" && in != "null" {
		lost(s, "", one, "the standard input of a service is /dev/null", "")
	}
}

func fileOf(output string) (string, bool) {
	for _, kind := range []string{"file:", "append:", "truncate:"} {
		if file, ok := strings.CutPrefix(output, kind); ok {
			return file, true
		}
	}
	return "", false
}

// isJournal says whether output goes where somebody reads it, with the name of
// the service: so does ours.
func isJournal(output string) bool {
	switch output {
	case "journal", "syslog", "journal+console", "syslog+console", "inherit":
		return true
	}
	return false
}
