package lapi

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestASecretThatOthersCanReadIsNamed(t *testing.T) {
	machine := Machine{Name: "m", Password: "p"}
	for _, row := range []struct {
		name, url, key string
		machine        Machine
		level, want    string // "": no log line
	}{
		{name: "this machine", url: "http://127.0.0.1:8080", key: "k", machine: machine},
		{name: "a unix socket", url: "unix:///run/crowdsec.sock", key: "k", machine: machine},
		{name: "https", url: "https://crowdsec.example", key: "k", machine: machine},
		{name: "a key", url: "http://crowdsec.example:8080", key: "k", level: "warn", want: "plain http to crowdsec.example:8080: anybody on the way can read the API key"},
		{name: "a password too", url: "http://192.0.2.1", key: "k", machine: machine, level: "warn", want: "the API key and the password of the machine"},
		{name: "a container", url: "http://crowdsec:8080", key: "k", level: "info", want: "plain http to crowdsec:8080: others on the network can read the API key"},
		{name: "a private network", url: "http://10.0.0.5:8080", key: "k", level: "info", want: "others on the network can read the API key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			core, logs := observer.New(zap.DebugLevel)
			if _, err := New(Config{URL: row.url, Key: row.key, Machine: row.machine, Logger: zap.New(core)}); err != nil {
				t.Fatal(err)
			}
			if _, err := NewLive(LiveConfig{URL: row.url, Key: row.key, Machine: row.machine, Logger: zap.New(core)}); err != nil {
				t.Fatal(err)
			}
			if (logs.Len() == 2) != (row.want != "") || logs.Len()%2 != 0 {
				t.Fatalf("%d lines", logs.Len())
			}
			for _, e := range logs.All() {
				if e.Level.String() != row.level || !strings.Contains(e.Message, row.want) {
					t.Errorf("%s: %s; want %s: %s", e.Level, e.Message, row.level, row.want)
				}
			}
		})
	}
}
