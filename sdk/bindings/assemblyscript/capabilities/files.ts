import { JSON } from "json-as";
import { Answer, answered, answeredWithBody, contentBlock, requestBlock } from "../capability-call";
import { encodeText } from "../memory";
import {
  filesAbort,
  filesAppend,
  filesBegin,
  filesDelete,
  filesFinish,
  filesGet,
  filesHead,
  filesList,
  filesPut,
} from "../user-functions";
import { Listing, Removed } from "./storage";

@json
export class StoredFile {
  /** Of `head`: whether there is one. */
  found: bool = false;
  path: string = "";
  bytes: i64 = 0;
  contentType: string = "";
  /** Hexadecimal. */
  sha256: string = "";
  /** Milliseconds since the epoch. */
  modifiedAt: i64 = 0;
}

/** A piece of a file; its bytes are the answer's `body`. */
@json
export class FilePiece {
  found: bool = false;
  path: string = "";
  bytes: i64 = 0;
  contentType: string = "";
  sha256: string = "";
  modifiedAt: i64 = 0;
  offset: i64 = 0;
  /** Whether the file goes on behind it. */
  more: bool = false;
}

@json
export class FilePage {
  files: StoredFile[] = [];
  more: bool = false;
}

/** A file that is written in pieces. */
@json
export class OpenFile {
  id: string = "";
}

@json
export class Appended {
  /** Of all pieces so far. */
  bytes: i64 = 0;
}

@json
export class Aborted {
  aborted: bool = false;
}

@json
class FilePath {
  path: string = "";
}

@json
class NewFile {
  path: string = "";
  @omitnull()
  contentType: string | null = null;
}

@json
class PieceRequest {
  path: string = "";
  @omitif((self: PieceRequest) => self.offset < 0)
  offset: i64 = -1;
  @omitif((self: PieceRequest) => self.length < 0)
  length: i64 = -1;
}

/** Files of the install. */
export namespace files {
  /** Replaces the file as a whole. */
  export function put(path: string, content: ArrayBuffer, contentType: string | null = null): Answer<StoredFile> {
    return answered<StoredFile>(filesPut(requestBlock<NewFile>(fileOf(path, contentType)), contentBlock(content)));
  }

  /** As `put`, of text as UTF-8. */
  export function putText(path: string, content: string, contentType: string | null = null): Answer<StoredFile> {
    return put(path, encodeText(content), contentType);
  }

  /** Begins a file in pieces: `append` adds them, `finish` puts the file in its place, `abort` gives it up. */
  export function begin(path: string, contentType: string | null = null): Answer<OpenFile> {
    return answered<OpenFile>(filesBegin(requestBlock<NewFile>(fileOf(path, contentType)), 0));
  }

  export function append(file: OpenFile, piece: ArrayBuffer): Answer<Appended> {
    return answered<Appended>(filesAppend(requestBlock<OpenFile>(file), contentBlock(piece)));
  }

  export function finish(file: OpenFile): Answer<StoredFile> {
    return answered<StoredFile>(filesFinish(requestBlock<OpenFile>(file), 0));
  }

  export function abort(file: OpenFile): Answer<Aborted> {
    return answered<Aborted>(filesAbort(requestBlock<OpenFile>(file), 0));
  }

  /**
   * @param offset  -1 for the beginning
   * @param length  bytes, at most 4 MiB; -1 for 1 MiB
   */
  export function get(path: string, offset: i64 = -1, length: i64 = -1): Answer<FilePiece> {
    const request = new PieceRequest();
    request.path = path;
    request.offset = offset;
    request.length = length;
    return answeredWithBody<FilePiece>(filesGet(requestBlock<PieceRequest>(request), 0));
  }

  export function head(path: string): Answer<StoredFile> {
    return answered<StoredFile>(filesHead(requestBlock<FilePath>(pathOf(path)), 0));
  }

  export function list(listing: Listing = new Listing()): Answer<FilePage> {
    return answered<FilePage>(filesList(requestBlock<Listing>(listing), 0));
  }

  export function remove(path: string): Answer<Removed> {
    return answered<Removed>(filesDelete(requestBlock<FilePath>(pathOf(path)), 0));
  }
}

function fileOf(path: string, contentType: string | null): NewFile {
  const request = new NewFile();
  request.path = path;
  request.contentType = contentType;
  return request;
}

function pathOf(path: string): FilePath {
  const request = new FilePath();
  request.path = path;
  return request;
}
