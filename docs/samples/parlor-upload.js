// Files of a conversation: sending them up, and showing them. docs/frontend-guide.md explains it.

import { ParlorError } from "./parlor-client.js";

/** What browsers draw and never run; all else is offered as a download. */
const PICTURES = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"]);

/**
 * Uploads a file for a conversation and answers what the server calls it; then send its `id` in `attachment_ids` of a message. `conversation` is
 * the one that the caller knows, `token` the caller's proof: of a room its key is both. `onProgress` is told how much went up, from 0 to 1. It is an
 * XMLHttpRequest, since `fetch` does not tell.
 */
export function upload({ url, conversation, token, file, onProgress = () => {}, signal, XMLHttpRequest = globalThis.XMLHttpRequest }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file); // No Content-Type header: the browser writes it, with the boundary.
    request.open("POST", `${url}/api/attachments/?conversation_id=${encodeURIComponent(conversation)}`);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => total > 0 && onProgress(loaded / total);
    request.onload = () => (request.status === 201 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request)));
    request.onerror = () => reject(new ParlorError("offline", "The server cannot be reached."));
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function refusal({ status, responseText }) {
  let answer = null;
  try {
    answer = JSON.parse(responseText);
  } catch {
    // A proxy in between answers in its own words, and may have a lower limit: nginx takes 1 MiB unless told otherwise.
  }
  const code = answer?.code ?? (status === 413 ? "too_large" : status >= 500 ? "unavailable" : "unexpected");
  return new ParlorError(code, answer?.detail ?? `HTTP ${status}`, { fields: answer?.errors });
}

/**
 * A picture, or a link that saves the file. Links end after an hour: `renew(id)` loads the message again and answers the file as it is there now.
 * `document` is the page's.
 */
export function fileElement(file, { renew, document = globalThis.document }) {
  const link = document.createElement("a");
  link.rel = "noopener";
  link.target = "_blank";
  const show = ({ url, name, mime, width, height }) => {
    link.href = url;
    if (!PICTURES.has(mime)) return void (link.textContent = name);
    const picture = document.createElement("img");
    Object.assign(picture, { alt: name, loading: "lazy" });
    if (width && height) Object.assign(picture, { width, height }); // The page does not jump when it is there.
    picture.onerror = () => {
      picture.onerror = null; // Once: it may be gone for good.
      renew(file.id).then((fresh) => fresh && (link.href = picture.src = fresh.url)).catch(() => {});
    };
    picture.src = url;
    link.replaceChildren(picture);
  };
  show(file);
  return link;
}
