// Everything here is an extra: the pages work without it. What needs script is hidden until this runs.
(() => {
  'use strict';
  const $ = (id) => document.getElementById(id);

  // A page brought back from memory may be an answered one; the server knows where the journey stands.
  addEventListener('pageshow', (e) => e.persisted && location.reload());

  // Show and Hide beside a password.
  for (const button of document.querySelectorAll('button[aria-controls][hidden]')) {
    const input = $(button.getAttribute('aria-controls'));
    const live = button.nextElementSibling;
    const d = button.dataset;
    const words = [[button.textContent, button.getAttribute('aria-label'), d.hidden], [d.hide, d.hideLabel, d.shown]];
    const set = (open) => {
      input.type = open ? 'text' : 'password';
      [button.textContent, , live.textContent] = words[+open];
      button.setAttribute('aria-label', words[+open][1]);
    };
    button.onclick = () => set(input.type === 'password');
    input.form.addEventListener('submit', () => { input.type = 'password'; });
    button.hidden = false;
  }

  const PKC = window.PublicKeyCredential;
  const form = $('passkey-form');
  const can = $('can_passkey');
  if (can) can.value = 'no';
  if (!PKC || !navigator.credentials) {
    const without = $('passkey-without');
    if (without) without.hidden = false;
    return;
  }

  // What became of passkeys, so that the browser stops offering those that open nothing. Silent where it cannot be told.
  const told = JSON.parse(document.querySelector('main').dataset.signal || '{}');
  for (const method in told) PKC[method]?.(told[method])?.catch(() => {});

  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  const options = (create) => {
    const o = JSON.parse(form.dataset.passkey);
    const parse = create ? 'parseCreationOptionsFromJSON' : 'parseRequestOptionsFromJSON';
    if (PKC[parse]) return PKC[parse](o);
    o.challenge = bytes(o.challenge);
    if (o.user) o.user.id = bytes(o.user.id);
    for (const c of [...(o.allowCredentials || []), ...(o.excludeCredentials || [])]) c.id = bytes(c.id);
    return o;
  };

  const json = (c) => {
    try {
      if (c.toJSON) return JSON.stringify(c.toJSON());
    } catch { /* some password managers hand out objects that cannot */ }
    const response = {};
    for (const k of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (c.response[k]) response[k] = text(c.response[k]);
    }
    if (c.response.getTransports) response.transports = c.response.getTransports();
    return JSON.stringify({
      id: c.id, rawId: text(c.rawId), type: c.type, response, clientExtensionResults: c.getClientExtensionResults(),
      authenticatorAttachment: c.authenticatorAttachment || undefined,
    });
  };

  const send = (credential, error) => {
    $('passkey').value = credential ? json(credential) : '';
    $('passkey_error').value = credential ? '' : error;
    if (can && form.can_passkey) form.can_passkey.value = can.value;
    form.submit();
  };

  const capabilities = async () => {
    try {
      return PKC.getClientCapabilities ? await PKC.getClientCapabilities() : {};
    } catch {
      return {};
    }
  };
  const known = capabilities();

  const platform = async () => {
    const c = await known;
    return c.passkeyPlatformAuthenticator ?? c.userVerifyingPlatformAuthenticator ?? PKC.isUserVerifyingPlatformAuthenticatorAvailable?.();
  };
  if (can) platform().then((yes) => { can.value = yes ? 'yes' : 'no'; }, () => {});

  if (!form) return;
  const create = form.dataset.mode === 'create';
  let abort, pending, immediate, asked, busy;
  known.then((c) => { immediate = c.immediateGet; });

  // Autofill offers passkeys in the field. It never opens a dialog, and its failures are nobody's business.
  const autofill = async () => {
    const c = await known;
    if (busy || !(c.conditionalGet ?? await PKC.isConditionalMediationAvailable?.()) || busy) return;
    abort = new AbortController();
    pending = navigator.credentials.get({ publicKey: options(), mediation: 'conditional', signal: abort.signal });
    const found = await pending;
    if (found && !busy) send(found);
  };

  const press = async () => {
    abort?.abort();
    await pending?.catch(() => {});
    if (create) return navigator.credentials.create({ publicKey: options(true) });
    const request = { publicKey: options() };
    // Where the browser can look on this device only, do so first: else it would open with a QR code nobody expects.
    if (immediate && !asked && !request.publicKey.allowCredentials?.length) {
      asked = true;
      try {
        return await navigator.credentials.get({ ...request, uiMode: 'immediate' });
      } catch (e) {
        if (e.name !== 'NotAllowedError') throw e;
        $('passkey-elsewhere').hidden = false;
        return null;
      }
    }
    return navigator.credentials.get(request);
  };

  form.addEventListener('submit', (e) => {
    e.preventDefault();
    if (busy) return;
    busy = true;
    press().then((c) => (c ? send(c) : (busy = false)), (error) => send(null, error.name || 'Error'));
  });

  form.hidden = !form.querySelector('button');
  if (form.dataset.mode === 'autofill') autofill().catch(() => {});
})();
