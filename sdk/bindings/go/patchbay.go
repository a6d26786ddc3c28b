// Package patchbay is Patchbay's functions for plugins in Go: one file, the standard library and nothing else (Go 1.24 or later).
//
// Put it into a folder patchbay of the plugin's module, and say what is exported:
//
//	package main
//
//	import "example/patchbay"
//
//	//go:wasmexport greet
//	func greet() int32 {
//		return patchbay.Run(func() (any, error) {
//			return "Hello, " + patchbay.InputText() + "!", nil
//		})
//	}
//
//	func main() {}
//
// and build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o plugin.wasm
//
// A module imports the functions that are used and no others, so the permissions it needs can be read from it. Input, output, Config,
// Vars and Log work on every Extism host; the rest is Patchbay's. Times are milliseconds since the epoch.
package patchbay

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// CapabilityError is a refused or failed capability call; the plugin may go on without. A plugin that returns it fails without being
// blamed for it. Find it with errors.As.
type CapabilityError struct {
	// Code is of the platform's table of errors, such as GRANT_MISSING or CAPABILITY_QUOTA_EXCEEDED.
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (refusal *CapabilityError) Error() string { return refusal.Code + ": " + refusal.Message }

// Run runs an exported function. Its text or bytes are the output as they are, anything else as JSON, nil is none. An error, or a
// panic, is the execution's error.
func Run(function func() (any, error)) (exit int32) {
	defer func() {
		if problem := recover(); problem != nil {
			SetError(fmt.Sprint("panic: ", problem))
			exit = 1
		}
	}()
	value, err := function()
	if err == nil {
		err = write(value)
	}
	if err != nil {
		SetError(err.Error())
		return 1
	}
	return 0
}

func write(value any) error {
	switch content := value.(type) {
	case nil:
	case string:
		OutputText(content)
	case []byte:
		Output(content)
	default:
		text, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("the output is not JSON: %w", err)
		}
		Output(text)
	}
	return nil
}

// SetError sets the execution's error; the call has failed whatever it returns.
func SetError(message string) { errorSet(put([]byte(message))) }

// Input is the call's input.
func Input() []byte {
	return copied(inputLength(), inputLoadU64, inputLoadU8)
}

// InputText is the input as text.
func InputText() string { return string(Input()) }

// InputJSON reads the input as JSON, as json.Unmarshal does.
func InputJSON(value any) error {
	if err := json.Unmarshal(Input(), value); err != nil {
		return fmt.Errorf("the input is not what was expected: %w", err)
	}
	return nil
}

// Output sets the call's output.
func Output(content []byte) { outputSet(put(content), uint64(len(content))) }

// OutputText sets the call's output.
func OutputText(content string) { Output([]byte(content)) }

// Config is a setting, and whether there is one; what is not text is JSON.
func Config(name string) (string, bool) {
	value, found := take(configGet(put([]byte(name))))
	return string(value), found
}

// ConfigJSON reads the whole configuration, where the host is Patchbay; elsewhere it changes nothing.
func ConfigJSON(value any) error {
	text, found := Config("$config")
	if !found {
		return nil
	}
	return json.Unmarshal([]byte(text), value)
}

// Vars are Extism's variables: kept within a call, and beyond it where the install keeps them.
var Vars vars

type vars struct{}

// Get is nil where there is none.
func (vars) Get(name string) []byte {
	value, _ := take(varGet(put([]byte(name))))
	return value
}

// Set keeps a value; an empty one removes the variable, as Extism has no empty blocks.
func (vars) Set(name string, value []byte) { varSet(put([]byte(name)), put(value)) }

func (vars) Delete(name string) { varSet(put([]byte(name)), 0) }

// Log writes lines of the execution's log, where the host keeps their level.
var Log logger

type logger struct{}

func (logger) Trace(values ...any) { line(0, logTrace, values) }
func (logger) Debug(values ...any) { line(1, logDebug, values) }
func (logger) Info(values ...any)  { line(2, logInfo, values) }
func (logger) Warn(values ...any)  { line(3, logWarn, values) }
func (logger) Error(values ...any) { line(4, logError, values) }

func line(level uint32, write func(uint64), values []any) {
	if getLogLevel() <= level {
		text := fmt.Sprintln(values...)
		write(put([]byte(text[:len(text)-1])))
	}
}

// Context says whose call it is.
type Context struct {
	TenantID string `json:"tenantId"`
	// Subject called: the token's subject or the key's id.
	Subject     string   `json:"subject"`
	Roles       []string `json:"roles"`
	InstallID   string   `json:"installId"`
	PluginID    string   `json:"pluginId"`
	Version     string   `json:"version"`
	ExecutionID string   `json:"executionId"`
	TraceID     string   `json:"traceId"`
	// Deadline is when the call is ended.
	Deadline int64 `json:"deadline"`
	// Hops counts the messages of the bus that led to this call.
	Hops int `json:"hops"`
	// CallingPlugin calls a service of this one, if one does.
	CallingPlugin string `json:"callingPlugin"`
	// Annotations is what middleware noted about the request.
	Annotations map[string]string `json:"annotations"`
}

func CallContext() (call Context, err error) {
	text, found := take(context())
	if !found {
		return call, &CapabilityError{"KERNEL_MEMORY_EXCEEDED", "The context does not fit into the memory."}
	}
	return call, json.Unmarshal(text, &call)
}

// Stream is input and output piece by piece, as an io.Reader and an io.Writer. A plugin that uses it has no other input and output.
var Stream stream

type stream struct{}

const pieceBytes = 1024 * 1024

func (stream) Read(buffer []byte) (int, error) {
	if len(buffer) == 0 {
		return 0, nil
	}
	piece, found := take(streamRead(uint64(min(len(buffer), pieceBytes))))
	if !found {
		return 0, io.EOF
	}
	return copy(buffer, piece), nil
}

// Write waits until the caller is ready for more.
func (stream) Write(content []byte) (int, error) {
	for rest := content; len(rest) > 0; {
		length := min(len(rest), pieceBytes)
		streamWrite(put(rest[:length]))
		rest = rest[length:]
	}
	return len(content), nil
}

// ask asks the platform: the answer's value goes to answer, its error is the error.
func ask(function func(uint64, uint64) uint64, request any, body []byte, answer any) error {
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	told, found := take(function(put(text), put(body)))
	if !found {
		return &CapabilityError{"KERNEL_MEMORY_EXCEEDED", "The answer does not fit into the memory."}
	}
	envelope := struct {
		Value any              `json:"value"`
		Error *CapabilityError `json:"error"`
	}{Value: answer}
	if err := json.Unmarshal(told, &envelope); err != nil {
		return fmt.Errorf("the platform's answer: %w", err)
	}
	if envelope.Error != nil {
		return envelope.Error
	}
	return nil
}

// askBytes asks for the bytes that come with the answer.
func askBytes(function func(uint64, uint64) uint64, request any, body []byte, answer any) ([]byte, error) {
	if err := ask(function, request, body, answer); err != nil {
		return nil, err
	}
	return answerBody(), nil
}

// answerBody is the bytes that came with the last answer; not nil, so that an empty value is one.
func answerBody() []byte {
	if bytes, found := take(callBody()); found {
		return bytes
	}
	return []byte{}
}

type object = map[string]any

// ListOptions says which page of a list; the next one begins After the last item of this. At most 1,000, 100 where nothing is said.
type ListOptions struct {
	Prefix string `json:"prefix,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// HTTP needs the capability http.
var HTTP httpCapability

type httpCapability struct{}

// Request is a GET that follows up to 5 redirects, where nothing else is said.
type Request struct {
	URL string `json:"url"`
	// Method is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
	Method  string            `json:"method,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Redirect is follow, manual or error.
	Redirect string `json:"redirect,omitempty"`
	Body     []byte `json:"-"`
}

type Response struct {
	Status int `json:"status"`
	// Headers have names in lower case.
	Headers map[string]string `json:"headers"`
	// URL is where the answer came from, after redirects.
	URL       string `json:"url"`
	Redirects int    `json:"redirects"`
	Body      []byte `json:"-"`
}

// Send sends a request. Any status is an answer.
func (httpCapability) Send(request Request) (*Response, error) {
	var answer Response
	body, err := askBytes(httpSend, request, request.Body, &answer)
	if err != nil {
		return nil, err
	}
	answer.Body = body
	return &answer, nil
}

func (http httpCapability) Get(url string) (*Response, error) { return http.Send(Request{URL: url}) }

// Storage is what the install keeps: encrypted, seen by no other install.
var Storage storage

type storage struct{}

type StoredValue struct {
	Value []byte `json:"-"`
	// Revision grows with every write of the key.
	Revision int64 `json:"revision"`
	// ExpiresAt is nil for a value that stays.
	ExpiresAt *int64 `json:"expiresAt"`
}

type WriteOptions struct {
	// TTLMs is milliseconds until the value is gone, 0 for never.
	TTLMs int64
	// IfRevision writes only over this revision: 0 for a key that must not be there yet.
	IfRevision *int64
}

// Written has the revision that is there now; where it was not stored, another's.
type Written struct {
	Stored   bool  `json:"stored"`
	Revision int64 `json:"revision"`
}

type StoredEntry struct {
	Key       string `json:"key"`
	Revision  int64  `json:"revision"`
	Bytes     int64  `json:"bytes"`
	ExpiresAt *int64 `json:"expiresAt"`
}

// Get is nil where there is no such key.
func (storage) Get(key string) (*StoredValue, error) {
	var found struct {
		Found bool `json:"found"`
		StoredValue
	}
	if err := ask(storageGet, object{"key": key}, nil, &found); err != nil || !found.Found {
		return nil, err
	}
	found.Value = answerBody()
	return &found.StoredValue, nil
}

func (storage storage) Set(key string, value []byte) (Written, error) {
	return storage.SetWith(key, value, WriteOptions{})
}

func (storage) SetWith(key string, value []byte, options WriteOptions) (written Written, err error) {
	request := struct {
		Key        string `json:"key"`
		TTLMs      int64  `json:"ttlMs,omitempty"`
		IfRevision *int64 `json:"ifRevision,omitempty"`
	}{key, options.TTLMs, options.IfRevision}
	err = ask(storageSet, request, value, &written)
	return written, err
}

// Delete is false where there was none.
func (storage) Delete(key string) (bool, error) {
	return askFlag(storageDelete, object{"key": key}, nil, "deleted")
}

// DeleteRevision is false where there was none, or it had another revision.
func (storage) DeleteRevision(key string, revision int64) (bool, error) {
	return askFlag(storageDelete, object{"key": key, "ifRevision": revision}, nil, "deleted")
}

// List also says whether there are more.
func (storage) List(options ListOptions) (entries []StoredEntry, more bool, err error) {
	var page struct {
		Keys []StoredEntry `json:"keys"`
		More bool          `json:"more"`
	}
	err = ask(storageList, options, nil, &page)
	return page.Keys, page.More, err
}

// askFlag asks for one member of the answer, which is true or false.
func askFlag(function func(uint64, uint64) uint64, request any, body []byte, name string) (bool, error) {
	var answer map[string]any
	err := ask(function, request, body, &answer)
	flag, _ := answer[name].(bool)
	return flag, err
}

// Database is a SQLite database of the install's own.
var Database database

type database struct{}

// Statement has a parameter for each ?, at most 100: nil, numbers, text, true or false, []byte.
type Statement struct {
	SQL    string
	Params []any
}

// StatementResult has values that are nil, float64, string or []byte.
type StatementResult struct {
	Columns     []string `json:"columns"`
	Rows        [][]any  `json:"rows"`
	RowsRead    int64    `json:"rowsRead"`
	RowsWritten int64    `json:"rowsWritten"`
	// More says whether rows were left out for the quota.
	More bool `json:"more"`
}

func (statement Statement) request() object {
	params := make([]any, len(statement.Params))
	for at, value := range statement.Params {
		if bytes, isBlob := value.([]byte); isBlob {
			value = object{"base64": bytes}
		}
		params[at] = value
	}
	return object{"sql": statement.SQL, "params": params}
}

// decode turns blobs into their bytes.
func (result *StatementResult) decode() (err error) {
	for _, row := range result.Rows {
		for at, value := range row {
			if blob, isBlob := value.(map[string]any); isBlob {
				text, _ := blob["base64"].(string)
				if row[at], err = base64.StdEncoding.DecodeString(text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (database) Query(sql string, params ...any) (*StatementResult, error) {
	var result StatementResult
	if err := ask(databaseQuery, Statement{sql, params}.request(), nil, &result); err != nil {
		return nil, err
	}
	return &result, result.decode()
}

// Transaction runs all of them, or none; at most 50.
func (database) Transaction(statements ...Statement) ([]StatementResult, error) {
	requests := make([]object, len(statements))
	for at, statement := range statements {
		requests[at] = statement.request()
	}
	var answer struct {
		Results []StatementResult `json:"results"`
	}
	if err := ask(databaseTransaction, object{"statements": requests}, nil, &answer); err != nil {
		return nil, err
	}
	for at := range answer.Results {
		if err := answer.Results[at].decode(); err != nil {
			return nil, err
		}
	}
	return answer.Results, nil
}

// Cache is what may be gone at any time.
var Cache cache

type cache struct{}

// Get is nil where there is none.
func (cache) Get(key string) ([]byte, error) {
	found, err := askFlag(cacheGet, object{"key": key}, nil, "found")
	if err != nil || !found {
		return nil, err
	}
	return answerBody(), nil
}

// Set keeps a value for ttlMs milliseconds, at most a day; five minutes for 0.
func (cache) Set(key string, value []byte, ttlMs int64) error {
	request := object{"key": key}
	if ttlMs != 0 {
		request["ttlMs"] = ttlMs
	}
	return ask(cacheSet, request, value, nil)
}

func (cache) Delete(key string) (bool, error) {
	return askFlag(cacheDelete, object{"key": key}, nil, "deleted")
}

// Files are the install's.
var Files files

type files struct{}

type StoredFile struct {
	Path        string `json:"path"`
	Bytes       int64  `json:"bytes"`
	ContentType string `json:"contentType"`
	// SHA256 is hexadecimal.
	SHA256     string `json:"sha256"`
	ModifiedAt int64  `json:"modifiedAt"`
}

type FilePiece struct {
	StoredFile
	Offset  int64  `json:"offset"`
	Content []byte `json:"-"`
	// More says whether the file goes on behind it.
	More bool `json:"more"`
}

type fileRequest struct {
	Path        string `json:"path"`
	ContentType string `json:"contentType,omitempty"`
}

// Put replaces the file as a whole. Without a content type it is application/octet-stream.
func (files) Put(path string, content []byte, contentType string) (file StoredFile, err error) {
	err = ask(filesPut, fileRequest{path, contentType}, content, &file)
	return file, err
}

// FileWriter is a file that is written in pieces; it is in its place once it is finished. Its ID may be kept and used by a later call.
type FileWriter struct {
	ID string `json:"id"`
}

func (files) Begin(path, contentType string) (writer FileWriter, err error) {
	err = ask(filesBegin, fileRequest{path, contentType}, nil, &writer)
	return writer, err
}

// Write appends a piece.
func (writer FileWriter) Write(piece []byte) (int, error) {
	if err := ask(filesAppend, writer, piece, nil); err != nil {
		return 0, err
	}
	return len(piece), nil
}

func (writer FileWriter) Finish() (file StoredFile, err error) {
	err = ask(filesFinish, writer, nil, &file)
	return file, err
}

func (writer FileWriter) Abort() (bool, error) { return askFlag(filesAbort, writer, nil, "aborted") }

// Write writes a file in pieces; where pieces fails, the file is given up.
func (files files) Write(path, contentType string, pieces func(io.Writer) error) (StoredFile, error) {
	writer, err := files.Begin(path, contentType)
	if err != nil {
		return StoredFile{}, err
	}
	if err := pieces(writer); err != nil {
		if _, failed := writer.Abort(); failed != nil {
			return StoredFile{}, failed
		}
		return StoredFile{}, err
	}
	return writer.Finish()
}

// Get is a piece of a file, at most 4 MiB, 1 MiB for the length 0; nil where there is no such file.
func (files) Get(path string, offset, length int64) (*FilePiece, error) {
	request := object{"path": path, "offset": offset}
	if length != 0 {
		request["length"] = length
	}
	var found struct {
		Found bool `json:"found"`
		FilePiece
	}
	if err := ask(filesGet, request, nil, &found); err != nil || !found.Found {
		return nil, err
	}
	found.Content = answerBody()
	return &found.FilePiece, nil
}

// Head is nil where there is no such file.
func (files) Head(path string) (*StoredFile, error) {
	var found struct {
		Found bool `json:"found"`
		StoredFile
	}
	if err := ask(filesHead, object{"path": path}, nil, &found); err != nil || !found.Found {
		return nil, err
	}
	return &found.StoredFile, nil
}

// List also says whether there are more.
func (files) List(options ListOptions) (found []StoredFile, more bool, err error) {
	var page struct {
		Files []StoredFile `json:"files"`
		More  bool         `json:"more"`
	}
	err = ask(filesList, options, nil, &page)
	return page.Files, page.More, err
}

func (files) Delete(path string) (bool, error) {
	return askFlag(filesDelete, object{"path": path}, nil, "deleted")
}

// Services are other plugins', which run under their own grants.
var Services services

type services struct{}

// Call passes input as JSON and reads the output as JSON; output may be nil.
func (services) Call(service string, input, output any) error {
	answer := struct {
		Output any `json:"output"`
	}{output}
	return ask(servicesCall, object{"service": service, "input": input}, nil, &answer)
}

// CallBytes passes input and output as they are.
func (services) CallBytes(service string, input []byte) ([]byte, error) {
	return askBytes(servicesCall, object{"service": service}, input, nil)
}

// Events are messages on the bus.
var Events events

type events struct{}

type Published struct {
	ID          string `json:"id"`
	Subscribers int    `json:"subscribers"`
}

// Publish publishes to a topic that the manifest names. Under one id within a day, a subscriber that has run does not run again; ""
// for the platform's own.
func (events) Publish(topic string, data any, id string) (published Published, err error) {
	request := object{"topic": topic, "data": data}
	if id != "" {
		request["id"] = id
	}
	err = ask(eventsPublish, request, nil, &published)
	return published, err
}

// Crypto is digests, signatures and encryption, with keys that the platform holds.
var Crypto crypto

type crypto struct{}

const (
	SHA256     = "sha256"
	SHA384     = "sha384"
	SHA512     = "sha512"
	HMACSHA256 = "hmac-sha256"
	Ed25519    = "ed25519"
	ECDSAP256  = "ecdsa-p256"
	AES256GCM  = "aes-256-gcm"
)

type KeyHead struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`
	CreatedAt int64  `json:"createdAt"`
	// PublicKey is the JWK of a pair's public half.
	PublicKey map[string]any `json:"publicKey"`
}

// VerifyWith is what a signature is checked with, one of the three: a key of the install, a public key as JWK, or a shared secret for
// HMAC with Algorithm.
type VerifyWith struct {
	Key       string         `json:"key,omitempty"`
	PublicKey map[string]any `json:"publicKey,omitempty"`
	Secret    []byte         `json:"secret,omitempty"`
	Algorithm string         `json:"algorithm,omitempty"`
}

// Digest takes one of the three SHA above.
func (crypto) Digest(algorithm string, content []byte) ([]byte, error) {
	return askBytes(cryptoDigest, object{"algorithm": algorithm}, content, nil)
}

// HMAC is under a secret of the plugin's own.
func (crypto) HMAC(algorithm string, secret, content []byte) ([]byte, error) {
	return askBytes(cryptoHmac, object{"algorithm": algorithm, "secret": secret}, content, nil)
}

// Random draws at most 65,536 bytes.
func (crypto) Random(bytes int) ([]byte, error) {
	return askBytes(cryptoRandom, object{"bytes": bytes}, nil, nil)
}

// CreateKey makes a key where there is none of the name, and says whether it did.
func (crypto) CreateKey(name, kind string) (key KeyHead, created bool, err error) {
	answer := struct {
		Created bool `json:"created"`
		KeyHead
	}{KeyHead: KeyHead{Name: name}}
	err = ask(cryptoKeyCreate, object{"name": name, "kind": kind}, nil, &answer)
	return answer.KeyHead, answer.Created, err
}

// GetKey is nil where there is none.
func (crypto) GetKey(name string) (*KeyHead, error) {
	found := struct {
		Found bool `json:"found"`
		KeyHead
	}{KeyHead: KeyHead{Name: name}}
	if err := ask(cryptoKeyGet, object{"name": name}, nil, &found); err != nil || !found.Found {
		return nil, err
	}
	return &found.KeyHead, nil
}

func (crypto) ListKeys() ([]KeyHead, error) {
	var answer struct {
		Keys []KeyHead `json:"keys"`
	}
	err := ask(cryptoKeyList, object{}, nil, &answer)
	return answer.Keys, err
}

func (crypto) DeleteKey(name string) (bool, error) {
	return askFlag(cryptoKeyDelete, object{"name": name}, nil, "deleted")
}

func (crypto) Sign(key string, content []byte) ([]byte, error) {
	return askBytes(cryptoSign, object{"key": key}, content, nil)
}

func (crypto) Verify(content, signature []byte, using VerifyWith) (bool, error) {
	request := struct {
		VerifyWith
		Signature []byte `json:"signature"`
	}{using, signature}
	return askFlag(cryptoVerify, request, content, "valid")
}

// Encrypt may bind additional data, which Decrypt then needs too; nil for none.
func (crypto) Encrypt(key string, content, additionalData []byte) ([]byte, error) {
	return askBytes(cryptoEncrypt, sealing{key, additionalData}, content, nil)
}

func (crypto) Decrypt(key string, sealed, additionalData []byte) ([]byte, error) {
	return askBytes(cryptoDecrypt, sealing{key, additionalData}, sealed, nil)
}

type sealing struct {
	Key            string `json:"key"`
	AdditionalData []byte `json:"additionalData,omitempty"`
}

// Webhooks are outgoing ones.
var Webhooks webhooks

type webhooks struct{}

type Webhook struct {
	URL   string `json:"url"`
	Event string `json:"event"`
	// ID is the plugin's own: sent again under the same one, it is sent once.
	ID string `json:"id,omitempty"`
	// ContentType is application/json where nothing is said.
	ContentType string `json:"contentType,omitempty"`
}

type Sent struct {
	ID     string `json:"id"`
	Queued bool   `json:"queued"`
}

// Send sends a signed POST at least once. The answer says that it is written down, not that it arrived.
func (webhooks) Send(webhook Webhook, body string) (sent Sent, err error) {
	err = ask(webhooksSend, webhook, []byte(body), &sent)
	return sent, err
}

// Analytics are metrics of the plugin's own, stored after the call.
var Analytics analytics

type analytics struct{}

type Metric struct {
	Name string `json:"name"`
	// Kind is counter, gauge or histogram.
	Kind   string            `json:"kind"`
	Value  float64           `json:"value"`
	Labels map[string]string `json:"labels,omitempty"`
}

func (analytics) Record(metrics ...Metric) error {
	return ask(analyticsRecord, object{"points": metrics}, nil, nil)
}

func (analytics analytics) Count(name string, value float64, labels map[string]string) error {
	return analytics.Record(Metric{name, "counter", value, labels})
}

func (analytics analytics) Gauge(name string, value float64, labels map[string]string) error {
	return analytics.Record(Metric{name, "gauge", value, labels})
}

func (analytics analytics) Observe(name string, value float64, labels map[string]string) error {
	return analytics.Record(Metric{name, "histogram", value, labels})
}

// Security is what the platform wrote down about the plugin.
var Security security

type security struct{}

type LogOptions struct {
	// Log is security, where nothing is said, or audit.
	Log string `json:"log,omitempty"`
	// Before is the number of the last one of the page before.
	Before int64 `json:"before,omitempty"`
	// Limit is at most 100.
	Limit int `json:"limit,omitempty"`
}

// Events are newest first; more says whether there are more.
func (security) Events(options LogOptions) (events []map[string]any, more bool, err error) {
	var page struct {
		Events []map[string]any `json:"events"`
		More   bool             `json:"more"`
	}
	err = ask(securityEvents, options, nil, &page)
	return page.Events, page.More, err
}

type Finding struct {
	// Severity is info, notice, warning or error.
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Detail   string `json:"detail,omitempty"`
}

// Raise answers the finding's id in the tenant's event log.
func (security) Raise(finding Finding) (string, error) {
	var raised struct {
		ID string `json:"id"`
	}
	err := ask(securityRaise, finding, nil, &raised)
	return raised.ID, err
}

// OAuth gives access tokens of clients that the tenant registered.
var OAuth oauth

type oauth struct{}

type AccessToken struct {
	AccessToken string   `json:"accessToken"`
	TokenType   string   `json:"tokenType"`
	ExpiresAt   int64    `json:"expiresAt"`
	Scopes      []string `json:"scopes"`
}

// Token is for these scopes, or for none those that the client is registered with.
func (oauth) Token(provider string, scopes ...string) (token AccessToken, err error) {
	request := object{"provider": provider}
	if len(scopes) > 0 {
		request["scopes"] = scopes
	}
	err = ask(oauthToken, request, nil, &token)
	return token, err
}

// put copies bytes into a new block; 0 stands for none. The host frees what it is given.
func put(bytes []byte) uint64 {
	if len(bytes) == 0 {
		return 0
	}
	handle := alloc(uint64(len(bytes)))
	if handle == 0 {
		panic(fmt.Sprintf("the host has no memory left for %d bytes", len(bytes)))
	}
	at := 0
	for ; at+8 <= len(bytes); at += 8 {
		storeU64(handle+uint64(at), binary.LittleEndian.Uint64(bytes[at:]))
	}
	for ; at < len(bytes); at++ {
		storeU8(handle+uint64(at), uint32(bytes[at]))
	}
	return handle
}

// take copies a block of the host's that is the plugin's own, and frees it.
func take(handle uint64) ([]byte, bool) {
	if handle == 0 {
		return nil, false
	}
	word := func(at uint64) uint64 { return loadU64(handle + at) }
	bytes := copied(length(handle), word, func(at uint64) uint32 { return loadU8(handle + at) })
	free(handle)
	return bytes, true
}

func copied(length uint64, word func(uint64) uint64, single func(uint64) uint32) []byte {
	bytes := make([]byte, length)
	at := 0
	for ; at+8 <= len(bytes); at += 8 {
		binary.LittleEndian.PutUint64(bytes[at:], word(uint64(at)))
	}
	for ; at < len(bytes); at++ {
		bytes[at] = byte(single(uint64(at)))
	}
	return bytes
}

// <declarations>, of scripts/build-bindings.ts

//go:wasmimport extism:host/env alloc
func alloc(uint64) uint64

//go:wasmimport extism:host/env free
func free(uint64)

//go:wasmimport extism:host/env length
func length(uint64) uint64

//go:wasmimport extism:host/env length_unsafe
func lengthUnsafe(uint64) uint64

//go:wasmimport extism:host/env load_u8
func loadU8(uint64) uint32

//go:wasmimport extism:host/env load_u64
func loadU64(uint64) uint64

//go:wasmimport extism:host/env store_u8
func storeU8(uint64, uint32)

//go:wasmimport extism:host/env store_u64
func storeU64(uint64, uint64)

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_offset
func inputOffset() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoadU8(uint64) uint32

//go:wasmimport extism:host/env input_load_u64
func inputLoadU64(uint64) uint64

//go:wasmimport extism:host/env output_set
func outputSet(uint64, uint64)

//go:wasmimport extism:host/env error_set
func errorSet(uint64)

//go:wasmimport extism:host/env error_get
func errorGet() uint64

//go:wasmimport extism:host/env config_get
func configGet(uint64) uint64

//go:wasmimport extism:host/env var_get
func varGet(uint64) uint64

//go:wasmimport extism:host/env var_set
func varSet(uint64, uint64)

//go:wasmimport extism:host/env http_request
func httpRequest(uint64, uint64) uint64

//go:wasmimport extism:host/env http_status_code
func httpStatusCode() uint32

//go:wasmimport extism:host/env http_headers
func httpHeaders() uint64

//go:wasmimport extism:host/env log_trace
func logTrace(uint64)

//go:wasmimport extism:host/env log_debug
func logDebug(uint64)

//go:wasmimport extism:host/env log_info
func logInfo(uint64)

//go:wasmimport extism:host/env log_warn
func logWarn(uint64)

//go:wasmimport extism:host/env log_error
func logError(uint64)

//go:wasmimport extism:host/env get_log_level
func getLogLevel() uint32

//go:wasmimport extism:host/user call_body
func callBody() uint64

//go:wasmimport extism:host/user context
func context() uint64

//go:wasmimport extism:host/user stream_read
func streamRead(uint64) uint64

//go:wasmimport extism:host/user stream_write
func streamWrite(uint64)

//go:wasmimport extism:host/user http_send
func httpSend(uint64, uint64) uint64

//go:wasmimport extism:host/user storage_get
func storageGet(uint64, uint64) uint64

//go:wasmimport extism:host/user storage_set
func storageSet(uint64, uint64) uint64

//go:wasmimport extism:host/user storage_delete
func storageDelete(uint64, uint64) uint64

//go:wasmimport extism:host/user storage_list
func storageList(uint64, uint64) uint64

//go:wasmimport extism:host/user database_query
func databaseQuery(uint64, uint64) uint64

//go:wasmimport extism:host/user database_transaction
func databaseTransaction(uint64, uint64) uint64

//go:wasmimport extism:host/user files_put
func filesPut(uint64, uint64) uint64

//go:wasmimport extism:host/user files_begin
func filesBegin(uint64, uint64) uint64

//go:wasmimport extism:host/user files_append
func filesAppend(uint64, uint64) uint64

//go:wasmimport extism:host/user files_finish
func filesFinish(uint64, uint64) uint64

//go:wasmimport extism:host/user files_abort
func filesAbort(uint64, uint64) uint64

//go:wasmimport extism:host/user files_get
func filesGet(uint64, uint64) uint64

//go:wasmimport extism:host/user files_head
func filesHead(uint64, uint64) uint64

//go:wasmimport extism:host/user files_list
func filesList(uint64, uint64) uint64

//go:wasmimport extism:host/user files_delete
func filesDelete(uint64, uint64) uint64

//go:wasmimport extism:host/user cache_get
func cacheGet(uint64, uint64) uint64

//go:wasmimport extism:host/user cache_set
func cacheSet(uint64, uint64) uint64

//go:wasmimport extism:host/user cache_delete
func cacheDelete(uint64, uint64) uint64

//go:wasmimport extism:host/user services_call
func servicesCall(uint64, uint64) uint64

//go:wasmimport extism:host/user events_publish
func eventsPublish(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_digest
func cryptoDigest(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_hmac
func cryptoHmac(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_random
func cryptoRandom(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_key_create
func cryptoKeyCreate(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_key_get
func cryptoKeyGet(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_key_list
func cryptoKeyList(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_key_delete
func cryptoKeyDelete(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_sign
func cryptoSign(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_verify
func cryptoVerify(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_encrypt
func cryptoEncrypt(uint64, uint64) uint64

//go:wasmimport extism:host/user crypto_decrypt
func cryptoDecrypt(uint64, uint64) uint64

//go:wasmimport extism:host/user webhooks_send
func webhooksSend(uint64, uint64) uint64

//go:wasmimport extism:host/user analytics_record
func analyticsRecord(uint64, uint64) uint64

//go:wasmimport extism:host/user security_events
func securityEvents(uint64, uint64) uint64

//go:wasmimport extism:host/user security_raise
func securityRaise(uint64, uint64) uint64

//go:wasmimport extism:host/user oauth_token
func oauthToken(uint64, uint64) uint64

// </declarations>
