// The page works without this. It only saves a press: a changed filter is shown at once.
document.documentElement.classList.add("scripted");
for (const form of document.querySelectorAll("[data-submit-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
