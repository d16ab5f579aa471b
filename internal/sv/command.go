package sv

import (
	"path/filepath"
	"time"
)

// command is what a command line and an environment ask for.
type command struct {
	name     string // that we were called by
	services []string
	base     string // the services directory
	kind     kind
	letters  string // what is sent to the supervisor, and whose effect is waited for
	wait     bool   // until it has taken effect
	kill     bool   // if it hasn't in time
	limit    time.Duration
	lsb      bool // we are called as the service: exit statuses are those of an init script
}

// kind is what is done with each service.
type kind int

const (
	tell  kind = iota // letters to its supervisor
	ask               // for its status
	await             // that it is as its supervisor was told before
)

// The defaults, of sv(8) as Debian has it.
const (
	defaultBase  = "/etc/service/"
	defaultLimit = 7 * time.Second
	longestLimit = 1_000_000_000 // seconds; a Duration holds ten times as much
)

// ending is how a command line ends that does nothing.
type ending struct {
	status int
	text   string // for stderr
}

// lookup is os.LookupEnv.
type lookup func(name string) (value string, set bool)

// parse reads a command line; args[0] is the name that we were called by.
func parse(args []string, env lookup) (command, *ending) {
	c := command{name: filepath.Base(args[0]), base: defaultBase, limit: defaultLimit}
	if args[0] == "" {
		c.name = ""
	}
	c.lsb = c.name != "sv"
	if dir, set := env("SVDIR"); set {
		c.base = dir
	}
	if text, set := env("SVWAIT"); set {
		c.limit = seconds(text)
	}
	words := args[1:]
	for {
		letter, argument, rest, complaint := option(words)
		words = rest
		if complaint != "" {
			return c, &ending{c.usageStatus(), c.name + complaint + c.usage()}
		}
		switch letter {
		case 'w':
			c.limit = seconds(argument)
			c.wait = true
			continue
		case 'v':
			c.wait = true
			continue
		case 'V':
			return c, &ending{c.usageStatus(), version + c.usage()}
		}
		break
	}
	if len(words) == 0 || len(words) == 1 && !c.lsb {
		return c, &ending{c.usageStatus(), c.usage()}
	}
	if c.services = words[1:]; c.lsb {
		c.services = []string{c.name}
	}
	if !c.verb(words[0]) {
		return c, &ending{c.usageStatus(), c.usage()}
	}
	return c, nil
}

// version is what sv -V of runit 2.1.2 says.
const version = "$Id: 900314260c6d52c986c5357673bea2f3bd3f4698 $\n"

func (c *command) usage() string {
	if c.lsb {
		return "usage: " + c.name + " [-w sec] command\n\n"
	}
	return "usage: " + c.name + " [-v] [-w sec] command service ...\n\n"
}

func (c *command) usageStatus() int {
	if c.lsb {
		return 2
	}
	return 100
}

// option takes one option from the words as subgetopt(3) does; letter 0: there
// is none. Options end at the first word that is none, and at one that begins with
// two dashes, whatever follows them.
func option(words []string) (letter byte, argument string, rest []string, complaint string) {
	if len(words) == 0 || len(words[0]) < 2 || words[0][0] != '-' {
		return 0, "", words, ""
	}
	letter, more := words[0][1], words[0][2:]
	rest = words[1:]
	switch letter {
	case '-':
		return 0, "", rest, ""
	case 'w':
		if more != "" {
			return letter, more, rest, ""
		}
		if len(rest) == 0 {
			return 0, "", rest, ": option requires an argument -- w\n"
		}
		return letter, rest[0], rest[1:], ""
	case 'v', 'V':
		if more != "" {
			rest = append([]string{"-" + more}, rest...)
			if more[0] == '-' { // inside a word that is an option like any other, and none that we know
				return 0, "", rest, ": illegal option -- -\n"
			}
		}
		return letter, "", rest, ""
	}
	return 0, "", rest, ": illegal option -- " + string([]byte{letter}) + "\n"
}

// seconds reads a number as scan_ulong does: what follows its digits does not
// count, and without digits it is 0.
func seconds(text string) time.Duration {
	n := int64(0)
	for i := 0; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		n = min(n*10+int64(text[i]-'0'), longestLimit)
	}
	return time.Duration(n) * time.Second
}

// verb takes what a command word stands for; false: nothing. Most words are known
// by their first letter, so the order of the cases is part of the contract.
func (c *command) verb(word string) bool {
	known := func(letters string, wait, kill bool) bool {
		c.letters, c.wait, c.kill = letters, c.wait || wait, kill
		return true
	}
	switch word {
	case "try-restart":
		return known("tc", true, false)
	case "check":
		c.kind = await
		return known(asTold, true, false)
	case "shutdown":
		return known("x", true, false)
	case "start":
		return known("u", true, false)
	case "stop":
		return known("d", true, false)
	case "restart":
		return known("tcu", true, false)
	case "reload":
		return known("h", true, false)
	case "force-reload":
		return known("tc", true, true)
	case "force-restart":
		return known("tcu", true, true)
	case "force-shutdown":
		return known("x", true, true)
	case "force-stop":
		return known("d", true, true)
	case "":
		return false
	}
	switch first := word[0]; first {
	case 'x', 'e':
		return known("x", false, false)
	case 'X', 'E':
		return known("x", true, true)
	case 'D':
		return known("d", true, true)
	case 'T':
		return known("tc", true, true)
	case 't', 'c', 'u', 'd', 'o', 'p', 'h', 'a', 'i', 'k', 'q', '1', '2':
		return known(word[:1], false, false)
	case 's':
		if c.lsb && word != "status" {
			return false
		}
		c.kind, c.letters, c.wait = ask, "s", false
		return true
	}
	return false
}
