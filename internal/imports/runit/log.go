package runit

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/imports"
)

// log carries log/run over: svlogd's options, and the config file in its directory.
func (d *directory) log() {
	if !d.world.IsDir(d.file("log")) {
		return
	}
	const run = "log/run"
	text, err := d.world.Read(d.file(run))
	if err != nil {
		d.service.Lost("log", d.at(run), run, "there is none, so nothing reads the output", "")
		return
	}
	simple := readScript(d.world, d.file("log"), text)
	if simple.odd != "" {
		d.service.Lost("log", config.Position{File: d.file(run), Line: simple.line}, simple.odd,
			"the script does more than start svlogd, so output goes to the console", `write log = { to = "file", path = "..." }`)
		return
	}
	if path.Base(simple.argv[0]) != "svlogd" {
		d.service.Lost("log", d.at(run), strings.Join(simple.argv, " "), "output goes to a file or the console, and to no other program", "")
		return
	}
	if simple.user != "" {
		d.service.Lost("log", d.at(run), "chpst -u "+simple.user, "supervise writes the file itself, as its own user", "")
	}
	d.svlogd(simple)
}

func (d *directory) svlogd(simple script) {
	stamps := 0
	var dirs []string
	lost := func(what, why, instead string) { d.service.Lost("log", d.at("log/run"), what, why, instead) }
	for args := simple.argv[1:]; len(args) > 0; args = args[1:] {
		word := args[0]
		switch {
		case !strings.HasPrefix(word, "-") || word == "-":
			dirs = append(dirs, below(simple.dir, word))
		case strings.Trim(word[1:], "tv") == "":
			stamps += strings.Count(word, "t")
		case strings.IndexByte("rRlb", word[1]) >= 0:
			if len(word) == 2 && len(args) > 1 {
				args = args[1:]
				word += " " + args[0]
			}
			if word[1] != 'b' { // the size of its buffer
				lost("svlogd "+word, "lines are written as they are", "")
			}
		default:
			lost("svlogd "+word, "it is no option that is known", "")
		}
	}
	if len(dirs) == 0 {
		lost(strings.Join(simple.argv, " "), "it names no directory", "")
		return
	}
	for _, extra := range dirs[1:] {
		lost("svlogd ... "+extra, "output goes into one file", "")
	}
	log := &d.service.Log
	log.Path = path.Join(dirs[0], "current")
	set := func(key string, value any) { log.Fields = append(log.Fields, imports.Field{Key: key, Value: value}) }
	if !d.merged {
		d.service.Differs("log", d.at("run"), "standard error", "it goes into the file, too, and not to runsv's", "")
	}
	switch stamps {
	case 0:
	case 1:
		set("timestamps", "tai64n")
	default:
		set("timestamps", "rfc3339")
		d.service.Differs("log", d.at("log/run"), "svlogd -"+strings.Repeat("t", stamps), "the time is written as 2006-01-02T15:04:05.000000Z", "")
	}
	d.svlogdConfig(path.Join(dirs[0], "config"), set)
}

// svlogdConfig reads the config file, see svlogd(8). Without one it has svlogd's defaults.
func (d *directory) svlogdConfig(file string, set func(string, any)) {
	size, files, age, compress := uint64(1_000_000), uint64(10), time.Duration(0), false
	text, err := d.world.Read(file)
	if err != nil {
		text = ""
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		lost := func(why, instead string) {
			d.service.Lost("log", config.Position{File: file, Line: i + 1}, line, why, instead)
		}
		number, err := strconv.ParseUint(line[1:], 10, 31)
		switch line[0] {
		case 's', 'n', 't':
			switch {
			case err != nil:
				lost("is no number", "")
			case line[0] == 's':
				size = number
			case line[0] == 'n':
				files = min(number, 1_000_000)
			default:
				age = time.Duration(number) * time.Second
			}
		case 'N':
			lost("old files are not taken away when the disk is full", `full = "drop" keeps the service going then`)
		case '!':
			if processor := strings.Fields(line[1:] + " ?")[0]; path.Base(processor) == "gzip" {
				compress = true
			} else {
				lost("rotated files are compressed, or not, and given to no program", "")
			}
		case 'u', 'U':
			lost("nothing is sent over the network", "")
		case 'p':
			lost("lines are written as they are", "")
		case '+', '-', 'e', 'E':
			lost("all lines are written", "")
		default:
			lost("it is nothing that svlogd knows", "")
		}
	}
	set("max_size", fmt.Sprintf("%dB", size))
	set("max_files", int(files))
	if age > 0 {
		set("max_age", age)
	}
	if compress {
		set("compress", true)
	}
}
