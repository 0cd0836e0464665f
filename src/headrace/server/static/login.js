// Where the server asks for a token: take it once, and let the server keep it in a cookie that scripts cannot read.

import { call } from "./api.js";
import { at } from "./tell.js";

/** Ask for a token, unless that is being done already. */
export function askForToken() {
  const dialog = at("login");
  if (!dialog.open) dialog.showModal();
}

export function begin() {
  at("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await call("POST", "session", { token: at("token").value.trim() });
      location.reload();
    } catch (error) {
      at("login-error").textContent = error.message;
      at("token").select();
    }
  });
}
