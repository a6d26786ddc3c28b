import { JSON } from "json-as";
import { toBase64 } from "../base64";
import { Answer, answered, answeredWithBody, contentBlock, requestBlock } from "../capability-call";
import {
  cryptoDecrypt,
  cryptoDigest,
  cryptoEncrypt,
  cryptoHmac,
  cryptoKeyCreate,
  cryptoKeyDelete,
  cryptoKeyGet,
  cryptoKeyList,
  cryptoRandom,
  cryptoSign,
  cryptoVerify,
} from "../user-functions";
import { Removed } from "./storage";

/** The digest as text; its bytes are the answer's `body`. */
@json
export class Digest {
  hex: string = "";
}

@json
export class KeyHead {
  /** Of `get`: whether there is one. */
  found: bool = false;
  /** Of `create`: whether there was none before. */
  created: bool = false;
  name: string = "";
  /** `hmac-sha256`, `ed25519`, `ecdsa-p256` or `aes-256-gcm`. */
  kind: string = "";
  /** Milliseconds since the epoch. */
  createdAt: i64 = 0;
  /** JWK of a pair's public half, as JSON. */
  publicKey: JSON.Raw | null = null;
}

@json
export class KeyPage {
  keys: KeyHead[] = [];
}

@json
export class Signed {
  kind: string = "";
}

@json
export class Verified {
  valid: bool = false;
}

@json
export class Drawn {
  bytes: i32 = 0;
}

/** Of encryption, whose result is the answer's `body`. */
@json
export class Sealed {}

/** What a signature is checked with, exactly one: a key of the install, a public key as JWK, or a shared secret in Base64. */
@json
export class Verification {
  @omitnull()
  key: string | null = null;
  @omitnull()
  publicKey: JSON.Raw | null = null;
  @omitnull()
  secret: string | null = null;
  /** Base64; `verify` fills it in. */
  signature: string = "";
}

@json
class DigestRequest {
  algorithm: string = "sha256";
}

@json
class HmacRequest {
  algorithm: string = "sha256";
  secret: string = "";
}

@json
class NewKey {
  name: string = "";
  kind: string = "";
}

@json
class KeyName {
  name: string = "";
}

@json
class KeyUse {
  key: string = "";
  @omitnull()
  additionalData: string | null = null;
}

/** Digests, signatures and encryption, with keys that the platform holds: the capability `crypto`. */
export namespace keys {
  /** @param algorithm  `sha256`, `sha384` or `sha512` */
  export function digest(algorithm: string, content: ArrayBuffer): Answer<Digest> {
    const request = new DigestRequest();
    request.algorithm = algorithm;
    return answeredWithBody<Digest>(cryptoDigest(requestBlock<DigestRequest>(request), contentBlock(content)));
  }

  /** HMAC under a secret of the plugin's own. */
  export function hmac(secret: ArrayBuffer, content: ArrayBuffer, algorithm: string = "sha256"): Answer<Digest> {
    const request = new HmacRequest();
    request.secret = toBase64(secret);
    request.algorithm = algorithm;
    return answeredWithBody<Digest>(cryptoHmac(requestBlock<HmacRequest>(request), contentBlock(content)));
  }

  /** Bytes of the platform's own source, at most 65,536: the answer's `body`. */
  export function random(bytes: i32): Answer<Drawn> {
    const request = new Drawn();
    request.bytes = bytes;
    return answeredWithBody<Drawn>(cryptoRandom(requestBlock<Drawn>(request), 0));
  }

  /** Makes a key where there is none of the name. */
  export function create(name: string, kind: string): Answer<KeyHead> {
    const request = new NewKey();
    request.name = name;
    request.kind = kind;
    return answered<KeyHead>(cryptoKeyCreate(requestBlock<NewKey>(request), 0));
  }

  export function get(name: string): Answer<KeyHead> {
    return answered<KeyHead>(cryptoKeyGet(requestBlock<KeyName>(nameOf(name)), 0));
  }

  export function list(): Answer<KeyPage> {
    return answered<KeyPage>(cryptoKeyList(0, 0));
  }

  export function remove(name: string): Answer<Removed> {
    return answered<Removed>(cryptoKeyDelete(requestBlock<KeyName>(nameOf(name)), 0));
  }

  /** The signature is the answer's `body`. */
  export function sign(key: string, content: ArrayBuffer): Answer<Signed> {
    return answeredWithBody<Signed>(cryptoSign(requestBlock<KeyUse>(useOf(key, null)), contentBlock(content)));
  }

  /** Checks a signature with a key of the install. */
  export function verify(key: string, content: ArrayBuffer, signature: ArrayBuffer): Answer<Verified> {
    const using = new Verification();
    using.key = key;
    return verifyWith(using, content, signature);
  }

  export function verifyWith(using: Verification, content: ArrayBuffer, signature: ArrayBuffer): Answer<Verified> {
    using.signature = toBase64(signature);
    return answered<Verified>(cryptoVerify(requestBlock<Verification>(using), contentBlock(content)));
  }

  /** What is sealed is the answer's `body`. @param additionalData  has to be the same when it is opened */
  export function encrypt(
    key: string,
    content: ArrayBuffer,
    additionalData: ArrayBuffer | null = null,
  ): Answer<Sealed> {
    const request = requestBlock<KeyUse>(useOf(key, additionalData));
    return answeredWithBody<Sealed>(cryptoEncrypt(request, contentBlock(content)));
  }

  /** What was sealed is the answer's `body`. */
  export function decrypt(key: string, sealed: ArrayBuffer, additionalData: ArrayBuffer | null = null): Answer<Sealed> {
    const request = requestBlock<KeyUse>(useOf(key, additionalData));
    return answeredWithBody<Sealed>(cryptoDecrypt(request, contentBlock(sealed)));
  }
}

function nameOf(name: string): KeyName {
  const request = new KeyName();
  request.name = name;
  return request;
}

function useOf(key: string, additionalData: ArrayBuffer | null): KeyUse {
  const request = new KeyUse();
  request.key = key;
  if (additionalData !== null) request.additionalData = toBase64(additionalData);
  return request;
}
