package oauth

import "net/http"

// Error is a failure that the client is told about (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1; OpenID Connect Core §3.1.2.6).
// Description is a constant sentence of ours in the characters the RFCs allow: nothing that a request said is ever repeated in it.
type Error struct {
	Code        string
	Description string
	Cause       error // for the log alone
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Description + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Description
}

func (e *Error) Unwrap() error { return e.Cause }

// Fail makes an Error.
func Fail(code, description string) *Error { return &Error{Code: code, Description: description} }

// With adds what really happened, for the log.
func (e *Error) With(cause error) *Error {
	return &Error{Code: e.Code, Description: e.Description, Cause: cause}
}

// Error codes.
const (
	InvalidRequest       = "invalid_request"
	InvalidClient        = "invalid_client"
	InvalidGrant         = "invalid_grant"
	InvalidScope         = "invalid_scope"
	InvalidTarget        = "invalid_target" // RFC 8707 §2
	InvalidToken         = "invalid_token"  // RFC 6750 §3.1
	InsufficientScope    = "insufficient_scope"
	UnauthorizedClient   = "unauthorized_client"
	UnsupportedGrant     = "unsupported_grant_type"
	UnsupportedResponse  = "unsupported_response_type"
	AccessDenied         = "access_denied"
	ServerError          = "server_error"
	Unavailable          = "temporarily_unavailable"
	LoginRequired        = "login_required"
	InteractionRequired  = "interaction_required"
	ConsentRequired      = "consent_required"
	SelectionRequired    = "account_selection_required"
	Unmet                = "unmet_authentication_requirements"
	RequestUnsupported   = "request_not_supported"
	URIUnsupported       = "request_uri_not_supported"
	RegistrationRefused  = "registration_not_supported"
	TooManyRequests      = "too_many_requests"
	NotFound             = "not_found" // of the management API
	UnsupportedTokenType = "unsupported_token_type"
	InvalidObject        = "invalid_request_object" // RFC 9101 §7
	InvalidURI           = "invalid_request_uri"
	InvalidDetails       = "invalid_authorization_details" // RFC 9396 §5
	InvalidProof         = "invalid_dpop_proof"            // RFC 9449 §5
	UseNonce             = "use_dpop_nonce"                // RFC 9449 §8
	InvalidRedirect      = "invalid_redirect_uri"          // RFC 7591 §3.2.2
	InvalidMetadata      = "invalid_client_metadata"
	InvalidStatement     = "invalid_software_statement"
	UnapprovedStatement  = "unapproved_software_statement"

	InsufficientAuthorization = "insufficient_authorization" // OAuth 2.0 for First-Party Applications, draft-04 §5.2.2
	InvalidSession            = "invalid_session"
	RedirectToWeb             = "redirect_to_web"
)

// Status is the HTTP status that goes with a code on a direct answer.
func (e *Error) Status() int {
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case InsufficientScope:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case TooManyRequests:
		return http.StatusTooManyRequests
	case ServerError, Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
