// SPDX-License-Identifier: BSD-3-Clause
//
// What a page is asked about the report in it. Evaluates to functions that return plain values, and changes nothing
// but which parts of the report are open.
(() => {
  const outputs = () => [...document.querySelectorAll('.jp-RenderedHTMLCommon')];
  const having = text => outputs().find(output => output.textContent.includes(text))?.firstElementChild;
  const report = () => having('measured by');
  const comparison = () => having(', now: ');

  const until = condition => new Promise(done => {
    const observer = new MutationObserver(look);
    function look() {
      if (!condition()) return;
      observer.disconnect();
      done(true);
    }
    observer.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
    look();
  });

  const bring = element => {
    element.scrollIntoView({block: 'start'});
    return painted();
  };
  const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));

  // --- colours: [red, green, blue, alpha], the first three from 0 to 255 ---------------------------------------------

  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  function colour(text) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }

  const over = (above, alpha, below) => below.map((value, i) => above[i] * alpha + value * (1 - alpha));

  function luminance(rgb) {
    const [red, green, blue] = rgb.map(value => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  // WCAG 2's ratio of an element's text to what is behind it, with the opacity of all elements that it is in.
  function contrast(element) {
    const path = [];
    for (let at = element; at; at = at.parentElement) path.unshift(at);
    let behind = [255, 255, 255], opacity = 1;
    for (const at of path) {
      const style = getComputedStyle(at);
      const background = colour(style.backgroundColor);
      opacity *= Number(style.opacity);
      behind = over(background, background[3] * opacity, behind);
    }
    const text = colour(getComputedStyle(element).color);
    const [dark, light] = [luminance(behind), luminance(over(text, text[3] * opacity, behind))].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function texts(element) {
    const found = [];
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (walker.currentNode.data.trim()) found.push(walker.currentNode);
    return found;
  }

  const isVisible = element => element.checkVisibility() && element.getBoundingClientRect().width > 0;

  // What lies in a box that cuts it off or can be scrolled is as wide as can be seen.
  function visibleRight(element) {
    let right = element.getBoundingClientRect().right;
    for (let at = element.parentElement; at && report().contains(at); at = at.parentElement)
      if (getComputedStyle(at).overflowX !== 'visible') right = Math.min(right, at.getBoundingClientRect().right);
    return right;
  }

  return {
    rendered: () => until(() => report() && comparison() && document.querySelector('.probe')),
    // JupyterLab puts the style sheet of its theme in while the page is already there.
    themed: isDark => until(() => luminance(colour(getComputedStyle(document.body).getPropertyValue(
      '--jp-layout-color0'))) < 0.5 === isDark && document.fonts.status === 'loaded').then(painted),
    isTrusted: () => Boolean(document.querySelector('.probe svg')),
    text: () => report().innerText,
    comparison: () => comparison().innerText,
    height: () => report().getBoundingClientRect().height,
    right: () => report().getBoundingClientRect().right,
    elements: name => report().querySelectorAll(name).length,
    open: isOpen => {
      for (const details of report().querySelectorAll('details')) details.open = isOpen;
      return bring(report());
    },
    show_comparison: () => bring(comparison()),
    // The element that shows this source among the lines, and how much of it can be seen.
    source: text => {
      const element = [...report().querySelectorAll('code')].find(code => code.textContent === text);
      const box = element.getBoundingClientRect();
      return {left: box.left, right: box.right, whole: element.scrollWidth, window: innerWidth};
    },
    widest: () => Math.max(...[report(), ...report().querySelectorAll('*')].filter(isVisible).map(visibleRight)),
    bars: () => [...report().querySelectorAll('span')].filter(span => !span.textContent && isVisible(span) &&
      colour(getComputedStyle(span).backgroundColor)[3] === 1 && span.getBoundingClientRect().height > 4).length,
    faintest: () => [...texts(report()), ...texts(comparison())].map(node => node.parentElement).filter(isVisible)
      .map(element => [contrast(element), element.textContent.slice(0, 60)]).sort((a, b) => a[0] - b[0])[0],
    // The height of the output that the display of the progress left; -1: there is none.
    emptied: () => {
      const area = report().closest('.jp-OutputArea');
      const child = [...area.querySelectorAll('.jp-OutputArea-child')].find(child => !child.innerText.trim());
      return child ? child.getBoundingClientRect().height : -1;
    },
  };
})()
