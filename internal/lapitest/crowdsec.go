package lapitest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// folderEnv names the folder with the unpacked package.
const folderEnv = "TOCSIN_CROWDSEC"

// The files in the folder of one server.
const (
	configFile      = "config.yaml"
	credentialsFile = "credentials.yaml"
	databaseFile    = "crowdsec.db"
	onlineFile      = "online_api_credentials.yaml"
)

var errNoCrowdsec = errors.New("no CrowdSec")

// A crowdsecPackage has the paths that are needed to run CrowdSec's programs.
type crowdsecPackage struct {
	crowdsec, cscli string
	env             []string
}

func findCrowdsec() (crowdsecPackage, error) {
	if folder := os.Getenv(folderEnv); folder != "" {
		p, err := unpacked(folder)
		if err != nil {
			return p, fmt.Errorf("%s=%s: %w", folderEnv, folder, err)
		}
		return p, nil
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if p, err := unpacked(filepath.Join(cache, "tocsin", "crowdsec")); err == nil {
			return p, nil
		}
	}
	crowdsec, err1 := exec.LookPath("crowdsec")
	cscli, err2 := exec.LookPath("cscli")
	if err1 != nil || err2 != nil {
		return crowdsecPackage{}, errNoCrowdsec
	}
	return crowdsecPackage{crowdsec: crowdsec, cscli: cscli, env: os.Environ()}, nil
}

func unpacked(folder string) (crowdsecPackage, error) {
	bin := filepath.Join(folder, "usr", "bin")
	p := crowdsecPackage{
		crowdsec: filepath.Join(bin, "crowdsec"),
		cscli:    filepath.Join(bin, "cscli"),
		env:      os.Environ(),
	}
	for _, f := range []string{p.crowdsec, p.cscli} {
		if _, err := os.Stat(f); err != nil {
			return p, err
		}
	}
	// Unpacked with the package only where the system has no such library.
	libs, _ := filepath.Glob(filepath.Join(folder, "usr", "lib", "*", "libsqlite3.so.0"))
	if len(libs) > 0 {
		path := filepath.Dir(libs[0])
		if old := os.Getenv("LD_LIBRARY_PATH"); old != "" {
			path += ":" + old
		}
		p.env = append(p.env, "LD_LIBRARY_PATH="+path)
	}
	return p, nil
}

// A process is a started CrowdSec that nobody has waited for yet.
type process struct {
	proc *os.Process
	done chan struct{} // closed when it has ended
	err  error         // how it has ended; read it only after done
}

// startProcess starts CrowdSec as a Local API, which does not contact a central API unless it
// is online.
func startProcess(p crowdsecPackage, dir, log string, online bool) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting CrowdSec: %w", err)
	}
	args := []string{"-c", filepath.Join(dir, configFile), "-no-cs"}
	if !online {
		args = append(args, "-no-capi")
	}
	cmd := exec.Command(p.crowdsec, args...) //nolint:gosec // the program that the tests are about
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, dir, out, out
	cmd.SysProcAttr = dieWithParent()
	ps := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(ps.done)
		defer func() { _ = out.Close() }() // the server's own copy is what counts
		// dieWithParent means the thread that starts the process: keep it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		ps.proc = cmd.Process
		started <- nil
		ps.err = cmd.Wait()
	}()
	if err := <-started; err != nil {
		<-ps.done
		return nil, fmt.Errorf("starting CrowdSec: %w", err)
	}
	return ps, nil
}

// end asks the process to end, makes it end if it does not, and waits for it.
func (ps *process) end(sig syscall.Signal) {
	if ps.proc.Signal(sig) != nil {
		_ = ps.proc.Kill() // already gone, or a system without this signal
	}
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-ps.done:
	case <-patience.C:
		_ = ps.proc.Kill()
		<-ps.done
	}
}

// writeConfig writes the files that a server on addr needs to dir. Without central there is no
// api.server.online_client, so the server does not contact the central API. The empty hub
// index avoids the download of a hub.
func writeConfig(dir, addr string, files TLSFiles, central Central) error {
	secure := ""
	if files != (TLSFiles{}) {
		secure = strings.NewReplacer("CERT", files.Cert, "KEY", files.Key, "CA", files.CA).Replace(tlsTemplate)
	}
	online := ""
	if central != (Central{}) {
		online = strings.ReplaceAll(onlineTemplate, "DIR", dir)
	}
	config := strings.NewReplacer("DIR", dir, "ADDR", addr, "    TLS\n", secure, "    ONLINE\n", online).Replace(configTemplate)
	for name, text := range map[string]string{
		onlineFile:        central.credentials(),
		"console.yaml":    console,
		configFile:        config,
		"profiles.yaml":   profiles,
		"simulation.yaml": "simulation: false\n",
		".index.json":     "{}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("configuring CrowdSec: %w", err)
		}
	}
	return nil
}

const configTemplate = `common:
  daemonize: false
  log_media: stdout
  log_level: info
  working_dir: "DIR"
config_paths:
  config_dir: "DIR"
  data_dir: "DIR"
  simulation_path: "DIR/simulation.yaml"
  hub_dir: "DIR"
  index_path: "DIR/.index.json"
db_config:
  type: sqlite
  db_path: "DIR/crowdsec.db"
  use_wal: true
api:
  client:
    insecure_skip_verify: true
    credentials_path: "DIR/credentials.yaml"
  server:
    listen_uri: "ADDR"
    profiles_path: "DIR/profiles.yaml"
    console_path: "DIR/console.yaml"
    TLS
    ONLINE
prometheus:
  enabled: false
`

const onlineTemplate = `    online_client:
      credentials_path: "DIR/online_api_credentials.yaml"
`

// console lets an engine send all signals that it can.
const console = `share_manual_decisions: true
share_custom: true
share_tainted: true
`

const tlsTemplate = `    tls:
      cert_file: "CERT"
      key_file: "KEY"
      ca_cert_path: "CA"
      client_verification: VerifyClientCertIfGiven
      bouncers_allowed_ou: [bouncer-ou]
      agents_allowed_ou: [agent-ou]
`

// profiles are CrowdSec's default profiles: an alert that asks for remediation becomes a ban
// of four hours.
const profiles = `name: ip
filters:
  - Alert.Remediation == true && Alert.GetScope() == "Ip"
decisions:
  - type: ban
    duration: 4h
on_success: break
---
name: range
filters:
  - Alert.Remediation == true && Alert.GetScope() == "Range"
decisions:
  - type: ban
    duration: 4h
on_success: break
`
