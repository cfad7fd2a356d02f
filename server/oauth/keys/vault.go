package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/stile-id/stile/server/oauth"
)

// Vault holds the private keys. The ring keeps public keys and the vault's references in the ledger and signs through a crypto.Signer, so
// that a key need never leave what holds it: a hardware module is a Vault whose references are labels.
type Vault interface {
	// Generate makes a private key for a JWS algorithm (RFC 7518 §3.1, RFC 8037).
	Generate(ctx context.Context, alg string) (crypto.Signer, error)
	// Keep stores a key it generated under its id and returns the reference by which Open finds it: at most 64 KiB, readable by whoever
	// reads the ledger.
	Keep(ctx context.Context, id, alg string, key crypto.Signer) (reference []byte, err error)
	// Open finds a key. The ring checks that it is the one whose public half the id names; a reference is only as good as the ledger.
	Open(ctx context.Context, id, alg string, reference []byte) (crypto.Signer, error)
	// Destroy forgets a key that is no longer in the ring; forgetting what is not there is no error.
	Destroy(ctx context.Context, id string, reference []byte) error
}

// Sealer seals private keys; *seal.Sealer of the master key is one.
type Sealer interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Sealed keeps private keys in the ledger, sealed under the master key: the reference is the key.
type Sealed struct {
	Sealer Sealer
	Random io.Reader
}

// Generate implements Vault.
func (v Sealed) Generate(_ context.Context, alg string) (crypto.Signer, error) {
	return generate(v.Random, alg)
}

// Keep implements Vault.
func (v Sealed) Keep(_ context.Context, id, alg string, key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a signing key: %w", err)
	}
	return v.Sealer.Seal(der, bound(id, alg)), nil
}

// Open implements Vault.
func (v Sealed) Open(_ context.Context, id, alg string, reference []byte) (crypto.Signer, error) {
	der, err := v.Sealer.Open(reference, bound(id, alg))
	if err != nil {
		return nil, fmt.Errorf("open a signing key: %w", err)
	}
	return parse(der)
}

// Destroy implements Vault: the key went with its row.
func (Sealed) Destroy(context.Context, string, []byte) error { return nil }

// bound is what a sealed private key is bound to: it cannot be put under another id or algorithm.
func bound(id, alg string) []byte { return []byte(alg + "/" + id) }

// Folder keeps private keys as PKCS #8 PEM files, one each, in a directory that all nodes share. The ledger and its backups then hold none.
type Folder struct {
	Path   string
	Random io.Reader
}

// Generate implements Vault.
func (v Folder) Generate(_ context.Context, alg string) (crypto.Signer, error) {
	return generate(v.Random, alg)
}

// Keep implements Vault. The file is whole and on disk before the ring names it, and readable by its owner alone.
func (v Folder) Keep(_ context.Context, id, _ string, key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a signing key: %w", err)
	}
	root, err := v.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	name := id + ".pem"
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write a signing key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = settle(root)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write a signing key: %w", err), root.Remove(name))
	}
	return []byte(name), nil
}

// settle makes a new name last.
func settle(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open implements Vault. A file that others than its owner and group may read is refused: the key in it is not private.
func (v Folder) Open(_ context.Context, _, _ string, reference []byte) (crypto.Signer, error) {
	root, err := v.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(string(reference))
	if err != nil {
		return nil, fmt.Errorf("open a signing key: %w", err)
	}
	defer func() { _ = f.Close() }()
	if i, err := f.Stat(); err != nil || i.Mode().Perm()&0o007 != 0 {
		return nil, errors.Join(fmt.Errorf("open a signing key: %s may be read by everybody; its mode must be 0600 or 0640", f.Name()), err)
	}
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("read a signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read a signing key: %s holds no PEM", f.Name())
	}
	return parse(block.Bytes)
}

// Destroy implements Vault.
func (v Folder) Destroy(_ context.Context, _ string, reference []byte) error {
	root, err := v.open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.Remove(string(reference)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a signing key: %w", err)
	}
	return nil
}

// open opens the folder; what the ledger calls a file never leads out of it.
func (v Folder) open() (*os.Root, error) {
	root, err := os.OpenRoot(v.Path)
	if err != nil {
		return nil, fmt.Errorf("open the folder of signing keys: %w", err)
	}
	return root, nil
}

func generate(random io.Reader, alg string) (private crypto.Signer, err error) {
	switch alg {
	case oauth.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), random)
	case oauth.EdDSA:
		_, private, err = ed25519.GenerateKey(random)
	case oauth.RS256, oauth.PS256:
		private, err = rsa.GenerateKey(random, 2048)
	default:
		return nil, fmt.Errorf("keys: algorithm %q is not known", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("make a signing key: %w", err)
	}
	return private, nil
}

func parse(der []byte) (crypto.Signer, error) {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse a signing key: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("parse a signing key: it cannot sign")
	}
	return signer, nil
}
