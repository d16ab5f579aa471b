package compose

import (
	"fmt"
	"strings"
	"time"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/yaml"
)

// checks says whether the service gets a healthcheck.
func checks(s *config.Service) bool {
	return s.Health != nil || s.Ready != nil && s.Ready.Kind.Looks()
}

// healthcheck writes the probes. Compose has one for both: it is healthy when
// the probe has succeeded, and unhealthy, without consequences, when it has not
// for a while.
func healthcheck(s *config.Service, n *exports.Notes) yaml.Map {
	probe, interval, retries := (*config.Probe)(nil), time.Duration(0), 0
	switch {
	case s.Health != nil:
		probe, interval, retries = &s.Health.Probe, s.Health.Probe.Interval, s.Health.Failures
		if s.Health.Action == config.HealthRestart {
			n.Lost("health.action", "an unhealthy container is told of, and not restarted", "")
		}
	case s.Ready == nil:
		return nil
	case !s.Ready.Kind.Looks():
		n.Lost("ready", fmt.Sprintf("readiness by %s is not heard of", s.Ready.Kind), "a probe of kind exec, http or tcp becomes a healthcheck")
		return nil
	default: // long after the start it need not look as often
		probe, interval, retries = s.Ready, 10*time.Second, 3
	}
	var m yaml.Map
	m.Set("test", escapeAll(test(probe, n)))
	m.Set("interval", interval.String())
	m.Set("timeout", probe.Timeout.String())
	m = append(m, yaml.Entry{Key: "retries", Value: retries})
	if s.Ready != nil && s.StartTimeout > 0 {
		m.Set("start_period", s.StartTimeout.String())
		if s.Ready.Kind.Looks() {
			m.Set("start_interval", s.Ready.Interval.String())
		}
	}
	return m
}

// test is a probe as a command within the container.
func test(p *config.Probe, n *exports.Notes) []string {
	switch p.Kind {
	case config.ProbeHTTP:
		n.Differs("ready", "curl asks, which has to be in the image, and takes every status below 400", "")
		return append([]string{"CMD"}, exports.Curl(p)...)
	case config.ProbeTCP:
		n.Differs("ready", "nc connects, which has to be in the image", "")
		if socket, isUnix := strings.CutPrefix(p.Address, "unix://"); isUnix {
			return []string{"CMD", "nc", "-zU", socket}
		}
		i := strings.LastIndexByte(p.Address, ':')
		return []string{"CMD", "nc", "-z", strings.Trim(p.Address[:i], "[]"), p.Address[i+1:]}
	case config.ProbeFile:
		return []string{"CMD", "test", "-e", p.Path}
	}
	return append([]string{"CMD"}, p.Command...)
}
