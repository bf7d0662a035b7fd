package lapitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority issues certificates for servers on 127.0.0.1 and for their clients, as
// PEM files in a folder of the test.
type Authority struct {
	CA string // the path of its own certificate

	tb     testing.TB
	dir    string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

// NewAuthority returns a new authority, which no system trusts.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, dir: tb.TempDir()}
	a.CA = a.issue("ca", "", nil).Cert
	return a
}

// Issue makes a certificate. The name is its common name and that of the files, and unit
// its organizational unit.
func (a *Authority) Issue(name, unit string) TLSFiles {
	a.tb.Helper()
	return a.issue(name, unit, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth})
}

func (a *Authority) issue(name, unit string, uses []x509.ExtKeyUsage) TLSFiles {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.check(err)
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name, OrganizationalUnit: []string{unit}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: uses,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: uses == nil,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	a.check(err)
	if a.cert == nil {
		a.key = key
		a.cert, err = x509.ParseCertificate(der)
		a.check(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	a.check(err)
	return TLSFiles{Cert: a.write(name+".pem", "CERTIFICATE", der), Key: a.write(name+".key", "PRIVATE KEY", private), CA: a.CA}
}

func (a *Authority) write(name, kind string, der []byte) string {
	a.tb.Helper()
	name = filepath.Join(a.dir, name)
	a.check(os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return name
}

func (a *Authority) check(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatal(err)
	}
}

// Pool returns the certificate pool of a server or a client that trusts only this authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Server returns the configuration of a server with its own certificate. It verifies client
// certificates if a client shows one.
func (a *Authority) Server() *tls.Config {
	a.tb.Helper()
	files := a.Issue("server", "")
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	a.check(err)
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		ClientCAs: a.Pool(), ClientAuth: tls.VerifyClientCertIfGiven,
	}
}
