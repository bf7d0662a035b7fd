package sources

import (
	"bytes"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"go.uber.org/zap"
	"go.yaml.in/yaml/v3"
)

const (
	acquisFolder = "/etc/crowdsec" // where CrowdSec's packages say which logs it reads
	maxAcquis    = 1 << 20
)

// warnDoubled warns if the CrowdSec that is told of alerts reads this server's log,
// too: then both see the same abuse, and each reports it. The files can be read
// where both run on one host, and what cannot be read is no reason to worry.
func (a api) warnDoubled(c guest.Config, folder string, warn func(text string, fields ...zap.Field)) {
	if !slices.Contains(c.Report, a.config.Name) || !a.config.isHere() {
		return
	}
	files, _ := filepath.Glob(filepath.Join(folder, "acquis.d", "*.yaml"))
	for _, file := range append(files, filepath.Join(folder, "acquis.yaml")) {
		text, err := option.ReadFile(file, maxAcquis)
		if err != nil {
			continue
		}
		if log, ok := caddysLog([]byte(text)); ok {
			warn("CrowdSec reads Caddy's log and also gets alerts by report, so the same abuse counts twice: "+
				"remove the log from CrowdSec's acquisition, or report from the config",
				zap.String("file", file), zap.String("log", log))
		}
	}
}

// isHere reports whether the Local API is on this host.
func (l *LAPI) isHere() bool {
	u, err := url.Parse(l.URL)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "unix" || u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// caddysLog returns the first log of Caddy's among the acquisitions in text.
func caddysLog(text []byte) (log string, ok bool) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var a struct {
			Filename  string
			Filenames []string
			Source    string
			Labels    struct{ Type string }
		}
		if d.Decode(&a) != nil {
			return "", false
		}
		if a.Labels.Type == "caddy" {
			return strings.Join(append(a.Filenames, a.Filename, a.Source), " "), true
		}
	}
}
