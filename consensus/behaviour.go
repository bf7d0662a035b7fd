package consensus

import "strings"

// A Behaviour is what a scenario sees, as CrowdSec's Hub labels it: "http:bruteforce".
// Members choose it, so it is never shown unless it is known.
type Behaviour string

// A Severity says how much each class of behaviour weighs.
type Severity struct {
	Exploit    Micro `json:"exploit"` // also what follows it, such as remote execution
	BruteForce Micro `json:"bruteforce"`
	Fraud      Micro `json:"fraud"`
	Spam       Micro `json:"spam"`
	DoS        Micro `json:"dos"`
	Scan       Micro `json:"scan"`
	Crawl      Micro `json:"crawl"`
	Audit      Micro `json:"audit"`
}

// class returns the part of a behaviour that says what is done, not by which protocol.
func (b Behaviour) class() string {
	s := string(b)
	return s[strings.LastIndexByte(s, ':')+1:]
}

// of returns the weight of a behaviour. One that nobody knows weighs nothing: its name is
// the member's choice.
func (s *Severity) of(b Behaviour) Micro {
	switch b.class() {
	case "exploit", "rce", "post-exploitation":
		return s.Exploit
	case "bruteforce":
		return s.BruteForce
	case "fraud":
		return s.Fraud
	case "spam":
		return s.Spam
	case "dos":
		return s.DoS
	case "scan":
		return s.Scan
	case "crawl":
		return s.Crawl
	default:
		return s.Audit
	}
}

// public returns a name of a behaviour that can stand in a text for everybody: its class,
// and the protocol if it is a common one.
func (b Behaviour) public() string {
	class := b.class()
	switch class {
	case "exploit", "rce", "post-exploitation", "bruteforce", "fraud", "spam", "dos", "scan", "crawl":
	default:
		return "other"
	}
	switch protocol, _, found := strings.Cut(string(b), ":"); {
	case !found, len(protocol)+1+len(class) != len(b):
		return class
	case strings.Contains(" database dns ftp generic http imap iot ldap pop3 rdp sip smb smtp ssh tcp telnet vm-management windows ", " "+protocol+" "):
		return string(b)
	}
	return class
}

// services is how many groups of protocols there are.
const services = 4

// service returns the group of protocols that a behaviour is about: the web, remote
// logins, mail, and all others.
func (b Behaviour) service() uint8 {
	protocol, _, _ := strings.Cut(string(b), ":")
	switch protocol {
	case "http":
		return 0
	case "ssh", "rdp", "telnet", "windows", "vnc":
		return 1
	case "smtp", "imap", "pop3":
		return 2
	}
	return 3
}
