/** The cloning of the platform's immutable classes: a clone shares the contents. */
import { CryptoKey, cloneKey } from "../crypto/crypto-key.ts";
import { Blob, blobPieces, createBlob, isBlob } from "../file/blob.ts";
import { createFile, File, isFile } from "../file/file.ts";
import { registerCloneRule } from "./clone-rules.ts";

registerCloneRule<Blob>(Blob.prototype, {
  is: isBlob,
  clone: (blob) => createBlob(blobPieces(blob), blob.type),
});

registerCloneRule<File>(File.prototype, {
  is: isFile,
  clone: (file) => createFile(blobPieces(file), file.name, file.type, file.lastModified),
});

registerCloneRule<CryptoKey>(CryptoKey.prototype, {
  is: (value): value is CryptoKey => cloneKey(value) !== undefined,
  clone: (key) => cloneKey(key) as CryptoKey,
});
